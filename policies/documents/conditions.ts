import { field, list, map, object, quoteable, string, tree } from '#schema/index.ts';
import type { Here, Shape } from '#schema/index.ts';
import { block, port, serviceAccount, text, trustDomain } from './match-values.ts';
import type { Condition } from './model.ts';

const plainKeys: ReadonlyMap<string, Shape<string>> = new Map([
  ['source.ip', block],
  ['remote.ip', block],
  ['source.namespace', text],
  ['source.principal', text],
  ['source.serviceAccount', serviceAccount],
  ['source.trustDomain', trustDomain],
  ['request.auth.principal', text],
  ['request.auth.audiences', text],
  ['request.auth.presenter', text],
  ['destination.ip', block],
  ['destination.port', port],
  ['connection.sni', text],
]);

/** Keys that name one entry of a map: `request.headers[x-role]`. */
const keyedKey = /^(request\.headers|request\.auth\.claims|experimental\.envoy\.filters\.[^[\]]+)\[.+\]$/;
const keyedStart = /^(request\.headers|request\.auth\.claims|experimental\.envoy\.filters\.)/;

/** What such a key names in its brackets. */
const entries: Readonly<Record<string, { readonly what: string; readonly example: string }>> = {
  'request.headers': { what: 'a header', example: 'request.headers[x-role]' },
  'request.auth.claims': { what: 'a claim', example: 'request.auth.claims[role]' },
};

/** Keys of older APIs, with what says the same today (authorization.md §4, 27). */
const former: readonly { readonly key: RegExp; readonly fix: string }[] = [
  { key: /^destination\.labels/, fix: 'use the `selector` of the policy' },
  { key: /^destination\.namespace$/, fix: 'use `metadata.namespace` of the policy' },
  { key: /^destination\.(name|user)$/, fix: 'use the `selector` of the policy' },
];

const knownKeys = `^(${[...plainKeys.keys()].map((key) => key.replaceAll('.', '\\.')).join('|')}|${keyedKey.source.slice(1, -1)})$`;
const valueList = { type: 'array', items: { type: 'string', minLength: 1 } };

const fields = object({
  key: field(string(), { describe: 'Attribute to look at: `source.ip`, `request.headers[x-role]`, …', required: true }),
  values: field(tree(valueList), { describe: 'The attribute must match one of these.' }),
  notValues: field(tree(valueList), { describe: 'The attribute must match none of these.' }),
});

/** One element of `when`. */
export const condition: Shape<Condition> = map(
  fields,
  ({ key }, here) => {
    const values = here.read(list(valueShape(key, here)), 'values') ?? [];
    const notValues = here.read(list(valueShape(key)), 'notValues') ?? [];
    if (!hasElements(here, 'values') && !hasElements(here, 'notValues')) {
      here.fault('has neither `values` nor `notValues`', 'give it a list of values');
    }
    return { key, values, notValues };
  },
  {
    properties: { ...(fields.schema['properties'] as object), key: { type: 'string', pattern: knownKeys } },
    anyOf: [{ required: ['values'] }, { required: ['notValues'] }],
  },
);

// A list that could not be read still is one: its own fault says what is wrong with it.
function hasElements(here: Here, key: string): boolean {
  const given = here.node.kind === 'map' ? here.node.get(key) : undefined;
  return given !== undefined && !(given.kind === 'list' && given.items.length === 0);
}

/** What values of this key look like; a key that is not one is told to `here`, if that is given. */
function valueShape(key: string, here?: Here): Shape<string> {
  const plain = plainKeys.get(key);
  if (plain !== undefined) return plain;
  if (isEntryKey(key)) return text;
  here?.fault(...badKey(key), 'key');
  return text;
}

function isEntryKey(key: string): boolean {
  if (!keyedKey.test(key)) return false;
  return !key.startsWith('request.auth.claims') || /^request\.auth\.claims(\[[^[\]]+\])+$/.test(key);
}

function badKey(key: string): [reason: string, fix: string] {
  if (key === '') return ['must not be empty', 'name the attribute to look at'];
  const old = former.find((candidate) => candidate.key.test(key));
  if (old !== undefined) return [`\`${quoteable(key)}\` is not a condition`, old.fix];
  const start = keyedStart.exec(key)?.[0];
  if (start !== undefined) {
    const { what, example } = entries[start] ?? { what: 'an entry', example: `${start}NAME[KEY]` };
    return [`\`${quoteable(key)}\` does not name ${what}`, `write it as \`${example}\``];
  }
  const keys = [...plainKeys.keys(), 'request.headers[NAME]', 'request.auth.claims[NAME]'];
  return [
    `\`${quoteable(key)}\` is not a known attribute`,
    `known here: ${keys.map((known) => `\`${known}\``).join(', ')}`,
  ];
}

/** Whether only HTTP has this attribute; a TCP connection knows the others too. */
export function isHttpKey(key: string): boolean {
  return key.startsWith('request.');
}
