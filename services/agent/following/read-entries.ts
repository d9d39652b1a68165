import type { Registration } from '#policies/documents/index.ts';
import type { NodeEntry } from '#proto/gen/garrison/v1/node-entries.ts';

const none: ReadonlyMap<string, string> = new Map();

/** An entry as the rooms of the Workload API know it. */
export function toRegistration(entry: NodeEntry): Registration {
  const { name: full, spiffeId, selectors, dnsNames, x509TtlSeconds, jwtTtlSeconds, hint, federatesWith } = entry;
  const slash = full.indexOf('/');
  const [namespace, name] = [full.slice(0, slash), full.slice(slash + 1)];
  const place = { file: 'the authority', line: 1, column: 1 };
  return {
    kind: 'Registration',
    metadata: { namespace, name, labels: none, annotations: none, created: undefined, place },
    spiffeId,
    selectors,
    dnsNames,
    x509TtlSeconds: x509TtlSeconds === 0 ? undefined : x509TtlSeconds,
    jwtTtlSeconds: jwtTtlSeconds === 0 ? undefined : jwtTtlSeconds,
    hint: hint === '' ? undefined : hint,
    federatesWith,
    node: undefined,
    downstream: false,
  };
}
