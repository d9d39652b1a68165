import { readRequest } from '#ca/csr/read-request.ts';
import type { PublicKey } from '#ca/keys/public-key.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import {
  NodeAttestationService,
  type AttestRequest,
  type AttestResponse,
  type K8sPsatProof,
  type X509PopProof,
} from '#proto/gen/garrison/v1/node.ts';
import type { Clock } from '#runtime/clock.ts';
import type { NodesConfig } from '#runtime/config/nodes-config.ts';
import { deadline } from '#runtime/deadline.ts';
import type { BidiHandler, CallContext } from '#runtime/grpc/method.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Authorities } from '../authority/authorities.ts';
import { opaque } from '../certificate-service/opaque.ts';
import type { IssuingDesk } from '../issuing/desk.ts';
import type { AttestedNode } from './attested-node.ts';
import { nodeOfCluster } from './cluster-node.ts';
import { challengeMachine, type MachineChallenge } from './machine-certificate.ts';
import { clusterAttestor, machineAttestor, nodeGrant } from './node-grant.ts';
import { PemFile } from './pem-file.ts';

export interface AttestationParts {
  readonly nodes: NodesConfig;
  readonly trustDomain: TrustDomain;
  readonly desk: IssuingDesk;
  readonly authorities: Pick<Authorities, 'bundle'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long a node may take for each of its messages. */
const patienceMs = 10_000;

/** garrison.v1.NodeAttestation: a machine proves which one it is and gets the identity of its agent. */
export function serveAttestation(server: GrpcServer, parts: AttestationParts): GrpcServer {
  return server.bidi(NodeAttestationService.attest, attest(parts));
}

/** What attestors grant, as renewals ask for it. */
export function attestorGrants({ x509pop, k8sPsat }: NodesConfig): string[] {
  const clusters = k8sPsat?.clusters ?? [];
  return [
    ...(x509pop === undefined ? [] : [machineAttestor]),
    ...clusters.map(({ cluster }) => clusterAttestor(cluster)),
  ];
}

function attest(parts: AttestationParts): BidiHandler<AttestRequest, AttestResponse> {
  const { x509pop } = parts.nodes;
  const machines = x509pop && new PemFile(x509pop.authorities, 'ca.nodes.x509pop.authorities');
  return async function* (requests, context) {
    const next = patiently(requests, parts.clock, context);
    const { step } = await next();
    if (step?.$case !== 'start') throw broken('the first message is not `start`');
    const { csr, proof, ttlSeconds } = step.value;
    const { publicKey } = readRequest(csr);
    let node: AttestedNode;
    if (proof?.$case === 'x509pop') {
      const judgeMachine = judge(parts, context, 'x509pop');
      const machine = await judgeMachine(() => challengeFor(parts, machines, proof.value, csr));
      yield { step: { $case: 'challenge', value: machine.challenge } };
      const answer = await next();
      if (answer.step?.$case !== 'answer') throw broken('the message after a challenge is not `answer`');
      const { value } = answer.step;
      node = await judgeMachine(() => machine.check(value));
    } else if (proof?.$case === 'k8sPsat') {
      node = await judge(parts, context, 'k8sPsat')(() => attestCluster(parts, proof.value, context));
    } else {
      throw broken('it names no way to prove itself that is known here');
    }
    yield await identityFor(parts, node, publicKey, ttlSeconds);
  };
}

function challengeFor(
  { clock, trustDomain }: AttestationParts,
  authorities: PemFile | undefined,
  { chain }: X509PopProof,
  csr: Uint8Array,
): MachineChallenge {
  if (authorities === undefined) throw notConfigured('x509pop');
  return challengeMachine(chain, csr, { authorities, trustDomain, now: clock.now() });
}

function attestCluster(
  { nodes, trustDomain }: AttestationParts,
  { cluster, token }: K8sPsatProof,
  { signal }: CallContext,
): Promise<AttestedNode> {
  const known = nodes.k8sPsat?.clusters.find((one) => one.cluster === cluster);
  if (known === undefined) throw notConfigured(`k8s_psat of the cluster ${JSON.stringify(cluster.slice(0, 100))}`);
  return nodeOfCluster(token, known, { trustDomain, signal });
}

async function identityFor(
  { desk, authorities, logger }: AttestationParts,
  { id, selectors, caller }: AttestedNode,
  publicKey: PublicKey,
  asked: number,
): Promise<AttestResponse> {
  const ttlSeconds = asked === 0 ? undefined : asked;
  const warrant = { caller, grant: nodeGrant(selectors) };
  const { chain } = await desk.issue({ id, dnsNames: [], publicKey, ttlSeconds }, warrant);
  logger.info('node attested', { id, caller, selectors });
  const value = {
    spiffeId: id.toString(),
    chain: chain.map((der) => Buffer.from(der)),
    bundle: authorities.bundle().map((der) => Buffer.from(der)),
    selectors: [...selectors],
  };
  return { step: { $case: 'identity', value } };
}

const remedies = {
  x509pop:
    'the machine’s certificate has to be valid and to lead, with those after it, to an authority in `ca.nodes.x509pop.authorities`',
  k8sPsat: 'the cluster and the service account of the agent’s pod have to be in `ca.nodes.k8sPsat.clusters`',
} as const;

/** What goes wrong while a proof is judged is told to nobody but the log. */
function judge({ logger }: AttestationParts, context: CallContext, way: keyof typeof remedies) {
  return async <T>(act: () => T | Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      throw opaque(error, context, logger, remedies[way]);
    }
  };
}

/** Reads the next message, or ends the call when it does not come in time. */
function patiently(
  requests: AsyncIterable<AttestRequest>,
  clock: Clock,
  { signal }: CallContext,
): () => Promise<AttestRequest> {
  const iterator = requests[Symbol.asyncIterator]();
  return async () => {
    const limit = deadline(clock, patienceMs, signal);
    const over = Promise.withResolvers<never>();
    const give = (): void => over.reject(limit.signal.reason as Error);
    limit.signal.addEventListener('abort', give, { once: true });
    try {
      const result = await Promise.race([iterator.next(), over.promise]);
      if (result.done !== true) return result.value;
      throw broken('it ends before it is complete');
    } finally {
      limit.signal.removeEventListener('abort', give);
      limit.done();
    }
  };
}

function broken(what: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `the attestation cannot be read: ${what}`);
}

function notConfigured(what: string): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', `nodes are not attested here by ${what}`);
}
