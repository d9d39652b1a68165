import { parseSpiffeId, type TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { NodeCluster } from '#runtime/config/nodes-config.ts';
import { at } from '#runtime/json-at.ts';
import { readServiceAccount } from '../callers/service-account.ts';
import { getObject, reviewToken } from '../kubernetes/token-review.ts';
import { selector, type AttestedNode } from './attested-node.ts';

const claim = (name: string): string => `authentication.kubernetes.io/${name}`;
const objectName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The node that the agent's pod runs on, as the API server says: by the token's own claims (Kubernetes 1.32), else by the
 * pod and the node that it is asked for.
 */
export async function nodeOfCluster(
  token: string,
  cluster: NodeCluster,
  { trustDomain, signal }: { trustDomain: TrustDomain; signal: AbortSignal },
): Promise<AttestedNode> {
  const { user, extra } = await reviewToken(cluster, token, signal);
  const account = readServiceAccount(user);
  if (!cluster.serviceAccounts.includes(`${account.namespace}:${account.name}`)) {
    throw refusal('the service account is none that agents run as');
  }
  const pod = extra.get(claim('pod-name'));
  // A token that is bound to no pod says nothing of where it is used.
  if (pod === undefined || !objectName.test(pod)) throw refusal('the token is bound to no pod');
  const podUid = extra.get(claim('pod-uid'));
  const node = await placeOf(cluster, { namespace: account.namespace, pod, podUid, extra }, signal);
  const { cluster: name } = cluster;
  return {
    id: parseSpiffeId(`spiffe://${trustDomain}/garrison/node/k8s_psat/${name}/${node.uid}`),
    caller: `k8s_psat:${name}#${node.name}`,
    selectors: [
      ...selector('k8s_psat:cluster', name),
      ...selector('k8s_psat:agent_ns', account.namespace),
      ...selector('k8s_psat:agent_sa', account.name),
      ...selector('k8s_psat:agent_pod_name', pod),
      ...selector('k8s_psat:agent_pod_uid', podUid),
      ...selector('k8s_psat:agent_node_name', node.name),
      ...selector('k8s_psat:agent_node_uid', node.uid),
    ],
  };
}

interface Pod {
  readonly namespace: string;
  readonly pod: string;
  readonly podUid: string | undefined;
  readonly extra: ReadonlyMap<string, string>;
}

async function placeOf(
  cluster: NodeCluster,
  { namespace, pod, podUid, extra }: Pod,
  signal: AbortSignal,
): Promise<{ name: string; uid: string }> {
  const [name, uid] = [extra.get(claim('node-name')), extra.get(claim('node-uid'))];
  if (name !== undefined && uid !== undefined) return checked(name, uid);
  const found = await getObject(cluster, `/api/v1/namespaces/${namespace}/pods/${pod}`, signal);
  // A pod of the same name may have come since: the token is about the one with the same uid.
  if (podUid === undefined || at(found, 'metadata', 'uid') !== podUid) throw refusal('the pod is another one');
  const nodeName = at(found, 'spec', 'nodeName');
  if (typeof nodeName !== 'string' || !objectName.test(nodeName)) throw refusal('the pod runs on no node');
  const node = await getObject(cluster, `/api/v1/nodes/${nodeName}`, signal);
  return checked(nodeName, at(node, 'metadata', 'uid'));
}

function checked(name: string, uid: unknown): { name: string; uid: string } {
  if (objectName.test(name) && typeof uid === 'string' && uuid.test(uid)) return { name, uid };
  throw refusal('the node has no usable name and uid');
}

function refusal(why: string): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', `the agent’s token is refused: ${why}`);
}
