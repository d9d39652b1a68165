import { check, field, map, object, oneOf, record } from '#schema/index.ts';
import type { Here, Shape } from '#schema/index.ts';
import { documentShape } from '../document-shape.ts';
import { metadataWithoutDryRun } from '../metadata.ts';
import { mtlsModes } from '../model.ts';
import type { MtlsMode, PeerAuthentication } from '../model.ts';
import { selector } from '../selector.ts';

const mtls = map(
  object({
    mode: field(oneOf(mtlsModes), {
      describe:
        'STRICT: client certificates only; PERMISSIVE: plaintext too; DISABLE: plaintext only; UNSET: as the scope above.',
      default: 'UNSET' as const,
    }),
  }),
  (value): MtlsMode => value.mode,
);

const portNumber = { expression: /^[0-9]+$/, reason: 'is not a port', fix: 'write a number from 1 to 65535' };

const portModes = check(record(mtls, { min: 1, keys: portNumber }), (value, here) => {
  for (const key of value.keys()) {
    const port = Number(key);
    if (portNumber.expression.test(key) && !(port >= 1 && port <= 65535)) {
      here.fault(`\`${key}\` is not a port`, portNumber.fix, key);
    }
  }
  refuseSamePort(value, here);
});

// `80` and `080` are two keys and one port.
function refuseSamePort(value: ReadonlyMap<string, MtlsMode>, here: Here): void {
  const seen = new Set<number>();
  for (const key of value.keys()) {
    if (seen.has(Number(key))) here.fault(`port ${Number(key)} is given twice`, 'keep one of them', key);
    seen.add(Number(key));
  }
}

const spec = check(
  object({
    selector: field(selector, { describe: 'Which workloads of the namespace this is about; absent: all of them.' }),
    mtls: field(mtls, { describe: 'What connections are taken.' }),
    portLevelMtls: field(portModes, { describe: 'Exceptions by workload port; only with a selector.' }),
  }),
  (value, here) => {
    if (here.has('portLevelMtls') && (value.selector?.size ?? 0) === 0) {
      here.fault('ports can be named for selected workloads only', 'add a `selector` with labels', 'portLevelMtls');
    }
  },
  { dependentRequired: { portLevelMtls: ['selector'] } },
);

export const peerAuthentication: Shape<PeerAuthentication> = documentShape({
  apiVersions: ['security.istio.io/v1', 'security.istio.io/v1beta1'],
  kind: 'PeerAuthentication',
  describe: 'Which connections a workload takes: mutual TLS, plaintext, or both.',
  metadata: metadataWithoutDryRun,
  spec,
  emptySpec: { selector: undefined, mtls: undefined, portLevelMtls: undefined },
  finish: (meta, value): PeerAuthentication => ({
    kind: 'PeerAuthentication',
    metadata: meta,
    selector: value.selector ?? new Map(),
    mode: value.mtls ?? 'UNSET',
    portModes: new Map([...(value.portLevelMtls ?? [])].map(([port, mode]) => [Number(port), mode])),
  }),
});
