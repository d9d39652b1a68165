import { check, quoteable, string } from '#schema/index.ts';
import type { Here, Shape } from '#schema/index.ts';

/** Whose selectors: of one process, of a machine that joins, or of a token's bearer. They never hold together. */
type Kind = 'workload' | 'node' | 'token';

interface Form {
  readonly kind: Kind;
  readonly pattern: RegExp;
}

const workload: readonly RegExp[] = [
  /^unix:(uid|gid|supplementary_gid):(0|[1-9][0-9]{0,9})$/,
  /^unix:(user|group|supplementary_group):[A-Za-z0-9_][A-Za-z0-9_.@-]{0,255}\$?$/,
  /^unix:path:\/.+$/,
  /^unix:sha256:[0-9a-f]{64}$/,
  /^systemd:id:[A-Za-z0-9:_.\\@-]{1,255}$/,
  /^systemd:fragment_path:\/.+$/,
  /^docker:(image_id|env):.+$/,
  /^docker:label:[^:]+:.*$/,
  /^k8s:(ns|sa|pod-name|pod-uid|container-name):[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/,
  /^k8s:(container-image|node-name):.+$/,
  /^k8s:pod-label:[A-Za-z0-9._/-]{1,317}:[A-Za-z0-9._-]{0,63}$/,
];

const node: readonly RegExp[] = [
  /^x509pop:(fingerprint|ca:fingerprint):[0-9a-f]{64}$/,
  /^x509pop:(subject:cn|san:dns):[\x20-\x7e]{1,256}$/,
  /^k8s_psat:(cluster|agent_ns|agent_sa|agent_pod_name|agent_pod_uid|agent_node_name|agent_node_uid):[\x21-\x7e]{1,256}$/,
];

const forms: readonly Form[] = [
  ...workload.map((pattern): Form => ({ kind: 'workload', pattern })),
  ...node.map((pattern): Form => ({ kind: 'node', pattern })),
  { kind: 'token', pattern: /^token:[A-Za-z0-9._-]+$/ },
];

const remedy =
  'write `unix:uid:NUMBER`, `unix:user:NAME`, `unix:path:/FILE`, `unix:sha256:HEX`, `systemd:id:UNIT`, ' +
  '`docker:label:KEY:VALUE`, `k8s:ns:NAME`, `k8s:sa:NAME`, `k8s:pod-label:KEY:VALUE`, `x509pop:subject:cn:NAME`, ' +
  '`k8s_psat:agent_node_name:NAME` or `token:NAME`';

export const selector: Shape<string> = check(
  string({ minLength: 1, maxLength: 4096 }),
  (value, here) => {
    if (kindOf(value) === undefined) here.fault(`\`${quoteable(value)}\` is not a selector`, remedy);
  },
  { pattern: `^(${forms.map(({ pattern }) => pattern.source.slice(1, -1)).join('|')})$` },
);

function kindOf(value: string): Kind | undefined {
  return forms.find(({ pattern }) => pattern.test(value))?.kind;
}

/** Selectors that can never hold all are somebody's mistake; so is a node's registration that gives no right. */
export function checkTogether(selectors: readonly string[], isNode: boolean, here: Here): void {
  const kinds = new Set(selectors.map(kindOf).filter((kind) => kind !== undefined));
  if (kinds.size > 1) {
    const fix = 'write a Registration for each';
    here.fault(`selectors of a ${[...kinds].join(' and of a ')} never hold together`, fix, 'selectors');
  } else if (kinds.has('node') && !isNode) {
    here.fault('selectors of a node give it nothing without `node`', 'add `node.identities`', 'selectors');
  }
}
