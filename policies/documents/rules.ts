import { check, field, list, map, object } from '#schema/index.ts';
import type { Here, Node, Shape } from '#schema/index.ts';
import { condition } from './conditions.ts';
import { block, path, port, serviceAccount, text, trustDomain } from './match-values.ts';
import type { Operation, Rule, Source } from './model.ts';

/** From, to and when: the rules that several kinds share (authorization.md §1.1 and §4, rows 10 to 23). */

const none: readonly string[] = [];

function values(shape: Shape<string>, describe: string, max?: number) {
  return field<readonly string[], readonly string[]>(list(shape, max === undefined ? {} : { max }), {
    describe,
    default: none,
  });
}

const source: Shape<Source> = check(
  object({
    principals: values(
      text,
      'Identities without `spiffe://`: `cluster.local/ns/shop/sa/web`; `x*`, `*x` and `*` match too.',
    ),
    notPrincipals: values(text, 'None of these identities.'),
    requestPrincipals: values(text, 'Issuer and subject of a verified token: `https://issuer/subject`.'),
    notRequestPrincipals: values(text, 'None of these token principals; no token is none of them.'),
    namespaces: values(text, 'Namespace of the caller’s identity.'),
    notNamespaces: values(text, 'None of these namespaces.'),
    serviceAccounts: values(serviceAccount, 'Service account of the caller: `name` or `namespace/name`.', 16),
    notServiceAccounts: values(serviceAccount, 'None of these service accounts.', 16),
    trustDomains: values(trustDomain, 'Trust domain of the caller’s identity.'),
    notTrustDomains: values(trustDomain, 'None of these trust domains.'),
    ipBlocks: values(block, 'Address of the direct peer: an IP address or CIDR block.'),
    notIpBlocks: values(block, 'None of these addresses.'),
    remoteIpBlocks: values(block, 'Address of the original client, as X-Forwarded-For and the trusted hops tell.'),
    notRemoteIpBlocks: values(block, 'None of these client addresses.'),
  }),
  (value, here) => {
    refuseEmpty(here);
    const accounts = (['serviceAccounts', 'notServiceAccounts'] as const).find(
      (key) => value[key].length > 0 || isFull(here, key),
    );
    const others = (['principals', 'notPrincipals', 'namespaces', 'notNamespaces'] as const).filter((key) =>
      isFull(here, key),
    );
    if (accounts === undefined) return;
    for (const other of others) {
      here.fault(`\`${other}\` and \`${accounts}\` exclude each other`, 'say it with one of them', other);
    }
  },
  { minProperties: 1 },
);

const operation: Shape<Operation> = check(
  object({
    hosts: values(text, 'Host of the request, without case; a port is part of it.'),
    notHosts: values(text, 'None of these hosts.'),
    ports: values(port, 'Port of the workload, not of the service.'),
    notPorts: values(port, 'None of these ports.'),
    methods: values(text, 'HTTP method; gRPC is always `POST`.'),
    notMethods: values(text, 'None of these methods.'),
    paths: values(
      path,
      'Path without query: exact, `/x*`, `*x`, or a template such as `/shops/{*}/items`; gRPC is `/package.Service/Method`.',
    ),
    notPaths: values(path, 'None of these paths.'),
  }),
  (_value, here) => {
    refuseEmpty(here);
  },
  { minProperties: 1 },
);

// An empty one would match everything, and upstream refuses it for that.
function refuseEmpty(here: Here): void {
  const entries = here.node.kind === 'map' ? here.node.entries : [];
  if (entries.some((entry) => isFull(here, entry.key))) return;
  here.fault('must not be empty', 'say what it must match, or remove it to match everything');
}

function isFull(here: Here, key: string): boolean {
  const given = here.node.kind === 'map' ? here.node.get(key) : undefined;
  return given !== undefined && !(given.kind === 'list' && given.items.length === 0);
}

const from: Shape<Source> = map(
  object({ source: field(source, { describe: 'Who calls: every field given must match.', required: true }) }),
  (value) => value.source,
);

const to: Shape<Operation> = map(
  object({
    operation: field(operation, { describe: 'What is called: every field given must match.', required: true }),
  }),
  (value) => value.operation,
);

/** More than the resource definition allows is refused by Kubernetes before istiod sees it. */
export const maxRules = 512;

export const rule: Shape<Rule> = map(
  object({
    from: field(list(from, { min: 1, max: maxRules }), {
      describe: 'Who calls: one of these; absent: anybody.',
      default: [],
    }),
    to: field(list(to, { min: 1 }), { describe: 'What is called: one of these; absent: anything.', default: [] }),
    when: field(list(condition), { describe: 'Conditions on attributes, all of which must hold.', default: [] }),
  }),
  (value, here) => {
    const read = { place: here.node.place, from: value.from, to: value.to, when: value.when };
    const emptyLists = findEmptyLists(here.node);
    return emptyLists.length === 0 ? read : { ...read, emptyLists };
  },
);

const holders = { from: 'source', to: 'operation' } as const;
const noLists: readonly string[] = [];

function findEmptyLists(node: Node): readonly string[] {
  let empty: string[] | undefined;
  for (const key of ['from', 'to'] as const) {
    const list = node.kind === 'map' ? node.get(key) : undefined;
    if (list?.kind !== 'list') continue;
    for (let index = 0; index < list.items.length; index++) {
      const item = list.items[index];
      const fields = item?.kind === 'map' ? item.get(holders[key]) : undefined;
      if (fields?.kind !== 'map') continue;
      // The first of a name, as `get` finds it.
      for (const { key: name } of fields.entries) {
        const value = fields.get(name);
        if (value?.kind === 'list' && value.items.length === 0)
          (empty ??= []).push(`${key}[${index}].${holders[key]}.${name}`);
      }
    }
  }
  return empty ?? noLists;
}
