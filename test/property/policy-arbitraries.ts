import fc from 'fast-check';
import type { AuthorizationPolicy, PeerAuthentication } from '#policies/documents/model.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import { peerAuthentication, policy } from '#test/fakes/policy-documents.ts';
import type { RuleText } from '#test/fakes/policy-documents.ts';

/** Documents from a small world, so that requests of the same world meet them, and meet them at their edges. */

export const words = {
  principals: [
    'cluster.local/ns/shop/sa/web',
    'cluster.local/ns/shop/sa/web2',
    'td.test/ns/shop/sa/web',
    'old.test/ns/prod/sa/a.b',
    'other.test/ns/prod/sa/aXb',
    'td.test/ns/ns/sa/sa',
    'td.test/x/ns/prod/sa/y',
    'td.test/k/v/ns/prod/z/1/sa/web',
    'td.test/ns/prod',
    'td.test/ns/prod/sa',
    'td.test',
    'Td.test/ns/shop/sa/web',
  ],
  namespaces: ['shop', 'prod', 'ns', 'istio-system'],
  trustDomains: ['cluster.local', 'td.test', 'old.test', 'other.test'],
  accounts: ['web', 'shop/web', 'prod/a.b', 'prod/aXb', 'prod/web', 'ns/sa'],
  hosts: ['cart.shop.svc', 'cart', 'Secret.test', 'secret.test', 'a.secret.test', '[::1]', 'k.test', '\u212a.test'],
  methods: ['GET', 'PUT', 'get', 'DELETE', 'OPTIONS', 'CONNECT', 'Get'],
  paths: ['/', '/admin', '/admin/', '/admin/x', '/a/b/c', '/store/1/cart', '/store//cart', '/user', '/%61dmin', '/*'],
  ports: ['8080', '80', '443', '0'],
  blocks: [
    '10.0.0.0/8',
    '10.0.0.1',
    '0.0.0.0/0',
    '10.1.2.3/16',
    '::/0',
    '::ffff:10.0.0.0/104',
    '::ffff:0:0/96',
    'fe80::1',
    '2001:db8::/32',
  ],
  values: ['user', 'admin', 'a', 'ab', 'abc', ''],
  issuers: ['https://a.test', 'foo', 'bar'],
  subjects: ['bar', 'foo', 'baz', 'x/bar'],
} as const;

/** A word as it is, its start, its end, its middle, or anything at all. */
export function pattern(list: readonly string[]): fc.Arbitrary<string> {
  const word = fc.constantFrom(...list.filter((text) => text !== ''));
  const cut = fc.tuple(word, fc.nat({ max: 12 }));
  return fc.oneof(
    { weight: 4, arbitrary: word },
    { weight: 2, arbitrary: cut.map(([text, at]) => `${text.slice(0, at % (text.length + 1))}*`) },
    { weight: 2, arbitrary: cut.map(([text, at]) => `*${text.slice(at % (text.length + 1))}`) },
    { weight: 1, arbitrary: fc.constant('*') },
    { weight: 1, arbitrary: word.map((text) => `*${text.slice(1, -1)}*`) },
  );
}

function list<T>(value: fc.Arbitrary<T>, max = 3): fc.Arbitrary<T[]> {
  return fc.array(value, { minLength: 1, maxLength: max });
}

const template = fc
  .array(fc.constantFrom('/', 'admin', 'store', 'cart', '/x', '{*}', '.', '1'), { minLength: 1, maxLength: 5 })
  .chain((parts) =>
    fc.constantFrom(`/${parts.join('')}`, `/${parts.join('')}/{**}`, `/{**}/${parts.join('').replaceAll('{*}', '')}`),
  );

const path = fc.oneof({ weight: 4, arbitrary: pattern(words.paths) }, { weight: 1, arbitrary: template });
const host = fc.oneof(
  pattern(words.hosts),
  fc
    .tuple(fc.constantFrom(...words.hosts), fc.constantFrom(':80', ':*', ':', '.', '.:80', ':4*'))
    .map((parts) => parts.join('')),
  fc.constantFrom('*:443', '*.test:80'),
);
const requestPrincipal = fc.oneof(
  pattern([...words.issuers, ...words.subjects]),
  fc
    .tuple(pattern(words.issuers), pattern(words.subjects))
    .map(([issuer, subject]) => `${issuer.replace(/(.)\*$/, '$1')}/${subject}`),
);

const fields = {
  principals: pattern(words.principals),
  requestPrincipals: requestPrincipal,
  namespaces: fc.oneof(pattern(words.namespaces), fc.constantFrom('p*d', '*o*', 's*o*p')),
  serviceAccounts: fc.constantFrom(...words.accounts),
  trustDomains: pattern(words.trustDomains),
  ipBlocks: fc.constantFrom(...words.blocks),
  remoteIpBlocks: fc.constantFrom(...words.blocks),
  hosts: host,
  ports: fc.constantFrom(...words.ports),
  methods: pattern(words.methods),
  paths: path,
};
type FieldName = keyof typeof fields;

/** An object with some of the fields, each with a positive list, a negative one, or both. */
function some(names: readonly FieldName[]): fc.Arbitrary<Record<string, string[]>> {
  const one = fc
    .constantFrom(...names)
    .chain((name) =>
      fc.tuple(
        fc.constant(name),
        fc.constantFrom<'is' | 'not' | 'both'>('is', 'is', 'is', 'not', 'both'),
        list(fields[name]),
        list(fields[name]),
      ),
    );
  return fc.array(one, { minLength: 1, maxLength: 3 }).map((chosen) => {
    const object: Record<string, string[]> = {};
    for (const [name, kind, values, notValues] of chosen) {
      if (kind !== 'not') object[name] = values;
      if (kind !== 'is') object[`not${name.charAt(0).toUpperCase()}${name.slice(1)}`] = notValues;
    }
    return object;
  });
}

const source = some([
  'principals',
  'requestPrincipals',
  'namespaces',
  'serviceAccounts',
  'trustDomains',
  'ipBlocks',
  'remoteIpBlocks',
]);
const operation = some(['hosts', 'ports', 'methods', 'paths']);

const conditionValues: readonly (readonly [string, fc.Arbitrary<string>])[] = [
  ['request.headers[x-role]', pattern(words.values)],
  ['request.headers[X-Role]', pattern(words.values)],
  ['request.headers[x_role]', pattern(words.values)],
  ['request.headers[x-forwarded-for]', pattern(words.values)],
  ['request.headers[a_b-c]', pattern(words.values)],
  ...['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => [`request.headers[x-${name}]`, pattern(words.values)] as const),
  ['request.headers[:path]', path],
  ['request.headers[:authority]', host],
  ['request.headers[host]', host],
  ['source.ip', fields.ipBlocks],
  ['remote.ip', fields.ipBlocks],
  ['destination.ip', fields.ipBlocks],
  ['destination.port', fields.ports],
  ['source.namespace', fields.namespaces],
  ['source.principal', fields.principals],
  ['source.serviceAccount', fields.serviceAccounts],
  ['source.trustDomain', fields.trustDomains],
  ['request.auth.principal', requestPrincipal],
  ['request.auth.audiences', pattern(words.values)],
  ['request.auth.presenter', pattern(words.values)],
  ['request.auth.claims[scope]', pattern(words.values)],
  ['request.auth.claims[groups]', pattern(words.values)],
  ['request.auth.claims[deep][role]', pattern(words.values)],
  ['connection.sni', host],
  [
    'experimental.envoy.filters.x[key]',
    fc.oneof(
      pattern(words.values),
      pattern(words.values).map((value) => `[${value}]`),
    ),
  ],
];

const condition = fc
  .constantFrom(...conditionValues)
  .chain(([key, value]) =>
    fc.oneof(
      fc.record({ key: fc.constant(key), values: list(value) }),
      fc.record({ key: fc.constant(key), notValues: list(value) }),
      fc.record({ key: fc.constant(key), values: list(value), notValues: list(value) }),
    ),
  );

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.oneof(fc.constant<T[]>([]), list(value, 2));

const rule: fc.Arbitrary<RuleText> = fc.record({
  from: optional(source),
  to: optional(operation),
  when: optional(condition),
});

const selector = fc.constantFrom<[string, string][]>(
  [],
  [],
  [],
  [['app', 'cart']],
  [['app', 'other']],
  [
    ['app', 'cart'],
    ['version', 'v1'],
  ],
);

const named = fc.record({
  name: fc.constantFrom('a', 'a-b', 'ab', 'b', 'c'),
  namespace: fc.constantFrom('shop', 'shop', 'istio-system', 'other'),
});

const authorization: fc.Arbitrary<AuthorizationPolicy> = fc
  .record({
    named,
    action: fc.constantFrom<AuthorizationPolicy['action']>('ALLOW', 'ALLOW', 'DENY', 'DENY', 'AUDIT', 'CUSTOM'),
    rules: fc.oneof(
      { weight: 9, arbitrary: list(rule, 4) },
      { weight: 1, arbitrary: fc.array(rule, { minLength: 11, maxLength: 14 }) },
    ),
    none: fc.integer({ min: 0, max: 20 }),
    dryRun: fc.boolean(),
    provider: fc.constantFrom('p', 'q'),
    selector,
    target: fc.constantFrom(undefined, undefined, undefined, 'gw', 'other-gw'),
  })
  .map(({ named: { name, namespace }, action, rules, none, dryRun, provider, selector: labels, target }) =>
    policy(name, action, action === 'ALLOW' && none === 0 ? [] : rules, {
      namespace,
      dryRun: dryRun && (action === 'ALLOW' || action === 'DENY') && none > 10,
      provider: action === 'CUSTOM' ? provider : undefined,
      selector: target === undefined ? new Map(labels) : new Map(),
      targetRefs: target === undefined ? [] : [{ kind: 'Gateway', name: target }],
    }),
  );

const mode = fc.constantFrom<PeerAuthentication['mode']>('UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT');

const peers: fc.Arbitrary<PeerAuthentication> = fc
  .record({ named, mode, port: mode, created: fc.constantFrom(undefined, 1, 2), selector })
  .map(({ named: { name, namespace }, mode: whole, port, created, selector: labels }) =>
    peerAuthentication(name, whole, {
      namespace,
      ...(created === undefined ? {} : { created }),
      selector: new Map(labels),
      portModes: labels.length === 0 ? new Map() : new Map([[8080, port]]),
    }),
  );

/** A rule that matches all but a few. */
const exclusion: fc.Arbitrary<RuleText> = fc
  .tuple(
    fc.constantFrom('notPrincipals', 'notNamespaces', 'notIpBlocks', 'notTrustDomains'),
    fc.constantFrom('notPaths', 'notMethods', 'notHosts', 'notPorts'),
  )
  .chain(([ofSource, ofOperation]) => {
    const values = (name: string): fc.Arbitrary<string[]> => {
      const known = (name.charAt(3).toLowerCase() + name.slice(4)) as FieldName;
      return list(fields[known], 4);
    };
    return fc.record({
      from: fc.oneof(
        fc.constant<Record<string, string[]>[]>([]),
        values(ofSource).map((all) => [{ [ofSource]: all }]),
      ),
      to: fc.oneof(
        fc.constant<Record<string, string[]>[]>([]),
        values(ofOperation).map((all) => [{ [ofOperation]: all }]),
      ),
    });
  })
  .filter(({ from, to }) => from.length + to.length > 0);

/** Enough rules that the index is refined: many share a key, few share two, and many only exclude. */
export const manyRules: fc.Arbitrary<AuthorizationPolicy[]> = fc
  .tuple(
    fc.array(rule, { minLength: 10, maxLength: 60 }),
    fc.array(rule, { minLength: 10, maxLength: 60 }),
    fc.oneof(fc.constant([]), fc.array(exclusion, { minLength: 34, maxLength: 70 })),
    fc.constantFrom<AuthorizationPolicy['action']>('DENY', 'ALLOW', 'AUDIT'),
  )
  .map(([denials, allowances, exclusions, action]) => [
    policy('d', 'DENY', exclusions.length > 0 ? denials.slice(0, 3) : denials),
    policy('a', 'ALLOW', exclusions.length > 0 ? allowances.slice(0, 3) : allowances),
    policy('w', 'AUDIT', denials),
    ...(exclusions.length > 0 ? [policy('x', action, exclusions)] : []),
  ]);

/** Names are given once, as the documents' reader would insist. */
function unique<T extends { metadata: { name: string; namespace: string } }>(documents: T[]): T[] {
  const seen = new Set<string>();
  return documents.filter(({ metadata: { name, namespace } }) => {
    const key = `${namespace}/${name}`;
    return seen.has(key) ? false : Boolean(seen.add(key));
  });
}

export const documents = fc
  .tuple(
    fc.array(authorization, { maxLength: 6 }),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant<PeerAuthentication[]>([]) },
      { weight: 1, arbitrary: fc.array(peers, { maxLength: 3 }) },
    ),
  )
  .map(([policies, modes]) => [...unique(policies), ...unique(modes)]);

export const mesh: fc.Arbitrary<Partial<Mesh>> = fc.record({
  profile: fc.constantFrom<Mesh['profile']>('strict', 'strict', 'istio'),
  trustDomain: fc.constantFrom('cluster.local', 'td.test'),
  trustDomainAliases: fc.constantFrom<readonly string[]>([], [], ['old.test'], ['old.test', 'td.test']),
  pathNormalization: fc.constantFrom<Mesh['pathNormalization']>(
    null,
    null,
    null,
    'NONE',
    'BASE',
    'MERGE_SLASHES',
    'DECODE_AND_MERGE_SLASHES',
  ),
  trustedHops: fc.constantFrom(0, 0, 1, 2),
});
