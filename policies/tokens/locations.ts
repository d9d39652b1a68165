import type { JwtRule } from '../documents/model.ts';
import type { Facts } from '../decide/facts.ts';
import type { TokenRules } from './merge-rules.ts';

/** Where in a request a token was found. */
export type TokenPlace =
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string };

export interface FoundToken {
  readonly token: string;
  readonly place: TokenPlace;
  /** Rules that look in this place. */
  readonly ruleIndexes: readonly number[];
}

interface Location {
  readonly place: TokenPlace;
  readonly prefix: string;
}

const defaults: readonly Location[] = [
  { place: { kind: 'header', name: 'authorization' }, prefix: 'Bearer ' },
  { place: { kind: 'param', name: 'access_token' }, prefix: '' },
];

/** The places a rule looks in; what it names replaces the defaults. */
function locationsOf(rule: JwtRule): readonly Location[] {
  const named: Location[] = [
    ...rule.fromHeaders.map(({ name, prefix }): Location => ({
      place: { kind: 'header', name: name.toLowerCase() },
      prefix,
    })),
    ...rule.fromParams.map((name): Location => ({ place: { kind: 'param', name }, prefix: '' })),
    ...rule.fromCookies.map((name): Location => ({ place: { kind: 'cookie', name }, prefix: '' })),
  ];
  return named.length > 0 ? named : defaults;
}

/** Every token of a request, each place read once, with the rules that look there. */
export function findTokens(rules: TokenRules, facts: Facts): FoundToken[] {
  const found = new Map<string, { token: string; place: TokenPlace; ruleIndexes: number[] }>();
  for (const [index, { rule }] of rules.rules.entries()) {
    for (const { place, prefix } of locationsOf(rule)) {
      for (const [nth, value] of valuesAt(place, facts).entries()) {
        if (value === '' || !value.startsWith(prefix)) continue;
        const token = value.slice(prefix.length);
        const key = JSON.stringify([place.kind, place.name, nth, token]);
        const known = found.get(key);
        if (known === undefined) found.set(key, { token, place, ruleIndexes: [index] });
        else if (!known.ruleIndexes.includes(index)) known.ruleIndexes.push(index);
      }
    }
  }
  return [...found.values()];
}

function valuesAt(place: TokenPlace, facts: Facts): readonly string[] {
  switch (place.kind) {
    case 'header':
      return headerValues(place.name, facts);
    case 'param':
      return paramValues(place.name, facts.rawPath ?? '');
    case 'cookie':
      return cookieValues(place.name, headerValues('cookie', facts));
    default:
      return place satisfies never;
  }
}

function headerValues(name: string, facts: Facts): readonly string[] {
  const readings = facts.header(name, 'plain');
  return readings === undefined ? [] : typeof readings === 'string' ? [readings] : readings;
}

function paramValues(name: string, path: string): string[] {
  return queryPairs(path).flatMap((pair) =>
    decode(pair.slice(0, nameEnd(pair))) === name ? [decode(pair.slice(nameEnd(pair) + 1))] : [],
  );
}

/** The path without the query parameters of some names. */
export function withoutParams(path: string, names: ReadonlySet<string>): string {
  const question = path.indexOf('?');
  if (question < 0) return path;
  const hash = path.indexOf('#', question);
  const kept = queryPairs(path).filter((pair) => !names.has(decode(pair.slice(0, nameEnd(pair)))));
  return path.slice(0, question) + (kept.length > 0 ? `?${kept.join('&')}` : '') + (hash < 0 ? '' : path.slice(hash));
}

function queryPairs(path: string): string[] {
  const hash = path.indexOf('#');
  const whole = hash < 0 ? path : path.slice(0, hash);
  const question = whole.indexOf('?');
  return question < 0 ? [] : whole.slice(question + 1).split('&');
}

function nameEnd(pair: string): number {
  const equals = pair.indexOf('=');
  return equals < 0 ? pair.length : equals;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function cookieValues(name: string, lines: readonly string[]): string[] {
  return lines.flatMap((line) => cookiePairs(line).flatMap(([key, value]) => (key === name ? [value] : [])));
}

/** A cookie header without the cookies of some names; undefined when none is left. */
export function withoutCookies(lines: readonly string[], names: ReadonlySet<string>): string | undefined {
  const kept = lines.flatMap((line) =>
    line
      .split(';')
      .map((part) => part.trim())
      .filter((part) => part !== '' && !names.has(part.slice(0, nameEnd(part)).trim())),
  );
  return kept.length === 0 ? undefined : kept.join('; ');
}

function cookiePairs(line: string): [string, string][] {
  return line.split(';').map((part) => {
    const equals = nameEnd(part);
    const value = part.slice(equals + 1).trim();
    const quoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
    return [part.slice(0, equals).trim(), quoted ? value.slice(1, -1) : value];
  });
}

/** A CORS preflight carries no credentials: browsers send none with it. */
export function isPreflight(facts: Facts): boolean {
  return facts.method === 'OPTIONS' && isPresent(facts, 'origin') && isPresent(facts, 'access-control-request-method');
}

function isPresent(facts: Facts, name: string): boolean {
  const readings = facts.header(name, 'plain');
  return readings !== undefined && readings !== '';
}
