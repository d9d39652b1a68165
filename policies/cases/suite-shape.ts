import { boolean, check, field, integer, list, object, oneOf, record, string, tree } from '#schema/index.ts';
import type { Node, Parsed, Shape } from '#schema/index.ts';
import { pathNormalizations, profiles } from '../documents/mesh.ts';
import { orAbsent } from './or-absent.ts';
import { type AnswerText, providerAnswer } from './provider-answer.ts';
import { octetPath, octetText, request } from './request-shape.ts';

/** The case file, key by key: docs/schema/CaseFile.json is printed from this. */

const mesh = object({
  rootNamespace: field(string({ minLength: 1 }), {
    describe: 'Namespace whose documents apply to all.',
    nullable: true,
  }),
  trustDomain: field(string({ minLength: 1 }), { describe: 'Trust domain of the mesh.', nullable: true }),
  trustDomainAliases: field(list(string({ minLength: 1 })), { describe: 'Its other names.', nullable: true }),
  pathNormalization: field(oneOf(pathNormalizations), {
    describe: 'How paths are made comparable; absent: as the profile does.',
    nullable: true,
  }),
  profiles: field(record(oneOf(profiles)), {
    describe: 'Namespaces whose workloads have another profile than the suite.',
    nullable: true,
  }),
  trustedHops: field(integer({ min: 0 }), {
    describe: 'X-Forwarded-For entries that trusted proxies add.',
    nullable: true,
  }),
});

const workload = object({
  namespace: field(string({ minLength: 1 }), { describe: 'Its namespace.', nullable: true }),
  name: field(string(), { describe: 'Its name; of a gateway, that of the Gateway resource.', nullable: true }),
  serviceAccount: field(string(), { describe: 'The service account it runs as.', nullable: true }),
  labels: field(record(string()), { describe: 'Its labels.', nullable: true }),
  gateway: field(boolean(), { describe: 'Whether it is a gateway.', nullable: true }),
  services: field(list(string()), { describe: 'Services and ServiceEntries it serves.', nullable: true }),
});
export type WorkloadText = Parsed<typeof workload>;

const policyName = string({
  pattern: { expression: /^(none|[^/]+\/[^/]+)$/, reason: 'names no policy', fix: 'write `namespace/name`, or `none`' },
});

const upstream = object({
  path: field(octetPath, { describe: 'Path with query.', nullable: true }),
  headers: field(record(orAbsent(octetText)), { describe: 'Headers; null: must be absent.', nullable: true }),
});

const shadow = object({
  allow: field(policyName, { describe: 'The dry-run ALLOW that matched, or `none`.', nullable: true }),
  deny: field(policyName, { describe: 'The dry-run DENY that matched, or `none`.', nullable: true }),
});

const expectation = check(
  object({
    verdict: field(oneOf(['allow', 'deny']), { describe: 'Whether the request may pass.', nullable: true }),
    status: field(integer({ min: 0, max: 599 }), {
      describe: 'HTTP status of the answer; of an allowed one, 200.',
      nullable: true,
    }),
    grpcStatus: field(integer({ min: 0, max: 16 }), { describe: 'The same as a gRPC status.', nullable: true }),
    policy: field(policyName, { describe: 'The policy that decided; `none` when no ALLOW matched.', nullable: true }),
    rule: field(integer({ min: 0 }), { describe: 'Index of the rule in that policy.', nullable: true }),
    selected: field(list(policyName), { describe: 'Policies in force for the workload.', nullable: true }),
    audit: field(list(policyName), { describe: 'AUDIT policies that matched.', nullable: true }),
    mtls: field(oneOf(['STRICT', 'PERMISSIVE', 'DISABLE']), {
      describe: 'What PeerAuthentication says of the destination port.',
      nullable: true,
    }),
    shadow: field(shadow, { describe: 'What dry-run policies would have decided.', nullable: true }),
    upstream: field(upstream, { describe: 'What the application receives.', nullable: true }),
  }),
  (_value, here) => {
    if (here.node.kind === 'map' && here.node.entries.length === 0) here.fault('expects nothing', 'say the `verdict`');
  },
  { minProperties: 1 },
);
export type Expectation = Parsed<typeof expectation>;

const emptyRequest = {
  protocol: 'http', time: undefined, source: undefined, destination: undefined, sni: undefined, http: undefined, jwt: undefined,
  token: undefined, metadata: new Map<string, never>(),
} as const; // prettier-ignore

const one = object({
  name: field(string({ minLength: 1 }), { describe: 'What the case shows.', required: true }),
  workload: field(workload, { describe: 'Where this case differs from the suite’s workload.', nullable: true }),
  request: field<Parsed<typeof request>, Parsed<typeof request>>(request, {
    describe: 'The request.',
    default: emptyRequest,
    nullable: true,
  }),
  providers: field(record(providerAnswer), {
    describe: 'Answers of CUSTOM providers; one that is not named is unknown, and its matches are denied.',
    default: new Map<string, AnswerText>(),
    nullable: true,
  }),
  expect: field(expectation, { describe: 'What must come of it.', required: true }),
});

const invalid = object({
  name: field(string({ minLength: 1 }), { describe: 'What is wrong with it.', required: true }),
  document: field(tree({ type: 'object' }), { describe: 'A whole document.', required: true }),
  expect: field(
    object({
      valid: field(boolean(), { describe: 'Whether it may be used.', default: false }),
      field: field(string(), { describe: 'Where a fault is: a path such as `spec.rules[0].from`.', nullable: true }),
      warnings: field(integer({ min: 0 }), { describe: 'How many warnings it gets.', nullable: true }),
    }),
    { describe: 'What must be said of it.', default: { valid: false, field: undefined, warnings: undefined } },
  ),
});

/** A path, or the status of a refusal. */
const pathOrStatus: Shape<string | number> = {
  read(node: Node, reading) {
    if (node.kind === 'scalar' && typeof node.value === 'number')
      return integer({ min: 400, max: 499 }).read(node, reading);
    return octetText.read(node, reading);
  },
  schema: { type: ['string', 'integer'] },
};

const normalization = object({
  level: field(oneOf(pathNormalizations), { describe: 'Level of normalisation.', required: true }),
  path: field(octetPath, { describe: 'Path as on the wire.', required: true }),
  expect: field(pathOrStatus, { describe: 'The path that rules see, or the status of a refusal.', required: true }),
});

/** The node beside its value: failures name the place of the case. */
function placed<T>(shape: Shape<T>): Shape<{ readonly node: Node; readonly value: T }> {
  return {
    read(node, reading) {
      const value = shape.read(node, reading);
      return value === undefined ? undefined : { node, value };
    },
    schema: shape.schema,
  };
}

export const suiteShape = object({
  suite: field(string({ minLength: 1 }), { describe: 'Name of the suite.', required: true }),
  profile: field(oneOf(profiles), { describe: 'How ambiguity is read.', default: 'strict' as const, nullable: true }),
  mesh: field(mesh, { describe: 'The mesh the documents are for.', nullable: true }),
  policies: field(list(string({ minLength: 1 })), {
    describe: 'Files of documents, relative to this one.',
    default: [],
    nullable: true,
  }),
  documents: field(list(tree({ type: 'object' })), { describe: 'Documents.', default: [], nullable: true }),
  workload: field(workload, { describe: 'The workload that is called.', nullable: true }),
  cases: field(list(placed(one)), { describe: 'Requests, and what must come of them.', default: [], nullable: true }),
  invalid: field(list(placed(invalid)), {
    describe: 'Documents, and what must be said of them.',
    default: [],
    nullable: true,
  }),
  quotas: field(tree({ type: 'array' }), { describe: 'Traces of quotas; not run by this version.', nullable: true }),
  normalization: field(list(placed(normalization)), {
    describe: 'Paths, and what rules see of them.',
    default: [],
    nullable: true,
  }),
});

export type SuiteText = Parsed<typeof suiteShape>;
export type CaseText = SuiteText['cases'][number];
export type InvalidText = SuiteText['invalid'][number];
export type NormalizationText = SuiteText['normalization'][number];
