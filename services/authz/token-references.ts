import type { AttributeBag, Reference } from '#proto/attributes/index.ts';
import type { Requirements } from '#policies/index.ts';

type TokenRequest = NonNullable<Requirements['tokens']>;

/**
 * Where tokens were looked for. A verdict that came of verified tokens does not say so itself, and whoever kept it
 * without would give it to a request with another token, or with none.
 */
export function tokenReferences({ rules }: TokenRequest, bag: AttributeBag): Reference[] {
  // A preflight carries no token: whether it is one is read from these.
  const headers = new Set(['origin', 'access-control-request-method']);
  for (const { rule } of rules.rules) {
    const { fromHeaders, fromParams, fromCookies } = rule;
    for (const { name } of fromHeaders) headers.add(name.toLowerCase());
    if (fromCookies.length > 0) headers.add('cookie');
    if (fromHeaders.length + fromParams.length + fromCookies.length === 0) headers.add('authorization');
  }
  return [
    ...['request.path', 'request.method'].map((name) => whole(name, bag)),
    ...[...headers].flatMap((name) =>
      ['request.headers', 'garrison.request.repeated_headers'].map((map) => entry(map, name, bag)),
    ),
  ];
}

/** The references of both lists, each once. */
export function joinReferences(known: readonly Reference[], more: readonly Reference[]): readonly Reference[] {
  if (more.length === 0) return known;
  const nameOf = ({ name, key }: Reference): string => JSON.stringify([name, key ?? null]);
  const seen = new Set(known.map(nameOf));
  return [...known, ...more.filter((reference) => !seen.has(nameOf(reference)))];
}

function whole(name: string, bag: AttributeBag): Reference {
  return { name, key: undefined, condition: bag.get(name) === undefined ? 'absence' : 'exact' };
}

function entry(name: string, key: string, bag: AttributeBag): Reference {
  const map = bag.get(name);
  if (map === undefined) return { name, key: undefined, condition: 'absence' };
  return { name, key, condition: map instanceof Map && map.has(key) ? 'exact' : 'absence' };
}
