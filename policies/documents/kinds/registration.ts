import { parseSpiffeId, parseTrustDomain, serviceAccountId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { boolean, check, duration, field, list, object, quoteable, string } from '#schema/index.ts';
import type { Here, Parsed, Shape } from '#schema/index.ts';
import { documentShape } from '../document-shape.ts';
import { isHostName, serviceAccountName } from '../endpoint.ts';
import type { Mesh } from '../mesh.ts';
import { metadataWithoutDryRun } from '../metadata.ts';
import type { Metadata, Registration } from '../model.ts';
import { checkTogether, selector } from './registration-selector.ts';

const dnsName: Shape<string> = check(string({ minLength: 1, maxLength: 253 }), (value, here) => {
  if (!isHostName(value.startsWith('*.') ? value.slice(2) : value)) {
    here.fault(`\`${quoteable(value)}\` is not a DNS name`, 'write it as `a.example.com`');
  }
});

const trustDomain: Shape<string> = check(string({ minLength: 1 }), (value, here) => {
  const fault = faultOf(() => parseTrustDomain(value));
  if (fault !== undefined) here.fault(fault.message, fault.remedy);
});

/** An identity, or all below a path: only whole segments, since `…/ns/a*` would also be `…/ns/ab`. */
const nodeIdentity: Shape<string> = check(string({ minLength: 1 }), (value, here) => {
  const fault = faultOf(() => parseSpiffeId(value.endsWith('/*') ? value.slice(0, -2) : value));
  if (fault !== undefined) here.fault(fault.message, fault.remedy);
});

const node = object({
  identities: field(list(nodeIdentity, { min: 1 }), {
    describe: 'Identities in full, or ending in `/*` for all below.',
    required: true,
  }),
});

const ttl = duration({ minMs: 1000, maxMs: 90 * 24 * 3_600_000 });

/** As long as a workload's certificate below lives by itself. */
const shortestIntermediateMs = 3_600_000;

const spec = check(
  object({
    spiffeId: field(string({ minLength: 1 }), { describe: 'The identity, in full.' }),
    serviceAccount: field(serviceAccountName, { describe: 'The identity, as a service account of the namespace.' }),
    selectors: field(list(selector, { min: 1 }), {
      describe: 'What must hold of the caller, all of it.',
      required: true,
    }),
    dnsNames: field(list(dnsName), { describe: 'DNS names its certificates carry too.', default: [] }),
    x509Ttl: field(ttl, { describe: 'How long its certificates live.' }),
    jwtTtl: field(ttl, { describe: 'How long its tokens live.' }),
    hint: field(string({ minLength: 1, maxLength: 1024 }), {
      describe: 'Which of several identities this is, for the workload.',
    }),
    federatesWith: field(list(trustDomain), { describe: 'Trust domains whose bundles it gets too.', default: [] }),
    node: field(node, { describe: 'It is a node: the identities it may ask for, for workloads that run there.' }),
    downstream: field(boolean(), { describe: 'Whether it is a certificate authority itself.', default: false }),
  }),
  (value, here) => {
    checkTogether(value.selectors, value.node !== undefined, here);
    if (value.downstream && value.x509Ttl !== undefined && value.x509Ttl < shortestIntermediateMs) {
      here.warn(
        'is the life of an authority’s certificate, and no certificate below it lives longer; a pause of half of that stops it',
        'write `1h` at least; a day or more lets the authority above be away',
        'x509Ttl',
      );
    }
    const [id, account] = [here.has('spiffeId'), here.has('serviceAccount')];
    if (id && account)
      here.fault('`spiffeId` and `serviceAccount` exclude each other', 'keep one of them', 'serviceAccount');
    if (!id && !account) here.fault('names no identity', 'add `serviceAccount` or `spiffeId`');
  },
  { oneOf: [{ required: ['spiffeId'] }, { required: ['serviceAccount'] }] },
);
type Spec = Parsed<typeof spec>;

export function registration(mesh: Mesh): Shape<Registration> {
  return documentShape({
    apiVersions: ['garrison.dev/v1'],
    kind: 'Registration',
    describe: 'Who is entitled to which identity.',
    metadata: metadataWithoutDryRun,
    spec,
    finish(metadata, value, here): Registration | undefined {
      const spiffeId = readIdentity(value, metadata, mesh, here);
      checkNodeIdentities(value, mesh, here);
      return {
        kind: 'Registration',
        metadata,
        spiffeId: spiffeId ?? '',
        selectors: value.selectors,
        dnsNames: value.dnsNames,
        x509TtlSeconds: value.x509Ttl === undefined ? undefined : Math.floor(value.x509Ttl / 1000),
        jwtTtlSeconds: value.jwtTtl === undefined ? undefined : Math.floor(value.jwtTtl / 1000),
        hint: value.hint,
        federatesWith: value.federatesWith,
        node: value.node,
        downstream: value.downstream,
      };
    },
  });
}

function checkNodeIdentities({ node: given }: Spec, { trustDomain: own }: Mesh, here: Here): void {
  for (const [index, identity] of (given?.identities ?? []).entries()) {
    if (identity.startsWith(`spiffe://${own}/`)) continue;
    const fix = 'a node asks for identities of the own trust domain only';
    here.fault(
      `\`${quoteable(identity)}\` is not in the trust domain \`${own}\``,
      fix,
      'spec',
      'node',
      'identities',
      index,
    );
  }
}

function readIdentity(value: Spec, metadata: Metadata, mesh: Mesh, here: Here): string | undefined {
  const { spiffeId, serviceAccount } = value;
  if (spiffeId !== undefined) {
    const fault = faultOf(() => {
      const id = parseSpiffeId(spiffeId);
      if (id.path === '')
        throw new GarrisonError('INVALID_ARGUMENT', `\`${spiffeId}\` names a trust domain, not a workload`);
      if (id.trustDomain !== mesh.trustDomain) {
        const message = `\`${spiffeId}\` is not in the trust domain \`${mesh.trustDomain}\``;
        throw new GarrisonError('INVALID_ARGUMENT', message, {
          remedy: 'register identities of the own trust domain only',
        });
      }
    });
    if (fault === undefined) return spiffeId;
    here.fault(fault.message, fault.remedy, 'spec', 'spiffeId');
    return undefined;
  }
  if (serviceAccount === undefined) return undefined;
  return serviceAccountId(parseTrustDomain(mesh.trustDomain), metadata.namespace, serviceAccount).toString();
}

function faultOf(act: () => unknown): GarrisonError | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof GarrisonError) return error;
    throw error;
  }
}
