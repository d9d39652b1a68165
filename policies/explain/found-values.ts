import { addressFrom } from '../compile/field-test.ts';
import type { AddressSource } from '../compile/field-test.ts';
import type { Address } from '../compile/address.ts';
import { claimLens, headerLens, lenses } from '../compile/lens.ts';
import type { Mode } from '../compile/mode.ts';
import { underivable } from '../decide/facts.ts';
import type { Facts } from '../decide/facts.ts';
import { listenPortOf } from '../decide/listen-port.ts';
import type { Readings } from '../decide/headers.ts';
import { metadataList, metadataText } from '../decide/metadata.ts';

/** What a request has of one attribute, and how to say so. */
export interface Found {
  /** `caller`, `header \`x-role\`` */
  readonly what: string;
  readonly values: readonly string[];
  /** Why there is nothing. */
  readonly absent: string;
}

/** The request's side of a comparison, as the test of the same key reads it. */
export function foundFor(key: string, facts: Facts, mode: Mode): Found {
  switch (key) {
    case 'source.principal':
      return found(
        'caller',
        lenses.principal.read(facts, mode),
        'the caller has no identity: there was no client certificate',
      );
    case 'source.namespace':
      return found('namespace of the caller', lenses.namespace.read(facts, mode), noIdentity(facts, 'namespace'));
    case 'source.serviceAccount':
      return found(
        'service account of the caller',
        lenses.account.read(facts, mode),
        noIdentity(facts, 'service account'),
      );
    case 'source.trustDomain':
      return found(
        'trust domain of the caller',
        lenses.trustDomain.read(facts, mode),
        noIdentity(facts, 'trust domain'),
      );
    case 'source.ip':
      return address('address of the caller', facts, 'source');
    case 'remote.ip':
      return address('address of the client', facts, 'remote');
    case 'destination.ip':
      return address('address called', facts, 'destination');
    case 'destination.port':
      return found('port', portNumbers(facts), 'the port that was called is not known');
    case 'connection.sni':
      return found('server name', facts.sni, 'the client named no server (SNI)');
    case 'host':
      return found('host', lenses.host.read(facts, mode), 'the request names no host');
    case 'method':
      return found('method', lenses.method.read(facts, mode), 'the request has no method');
    case 'path':
      return found('path', facts.path, 'the request has no path');
    case 'request.auth.principal':
      return found('token of', principalOf(facts), noToken(facts, 'issuer and subject'));
    case 'request.auth.audiences':
      return found('audience', facts.token?.audiences, noToken(facts, 'audience'));
    case 'request.auth.presenter':
      return found('presenter', nonEmpty(facts.token?.presenter), noToken(facts, 'presenter (`azp`)'));
    default:
      return foundEntry(key, facts, mode);
  }
}

function foundEntry(key: string, facts: Facts, mode: Mode): Found {
  const open = key.indexOf('[');
  const name = key.slice(0, open);
  const entry = key.slice(open + 1, -1);
  if (name === 'request.headers') {
    return found(`header \`${entry}\``, headerLens(entry).read(facts, mode), `header \`${entry}\` is absent`);
  }
  if (name === 'request.auth.claims') {
    const path = entry.split('][');
    const odd = oddClaim(facts, path);
    const absent = odd ?? noToken(facts, `claim \`${path.join('.')}\``);
    return found(`claim \`${path.join('.')}\``, claimLens(path).read(facts, mode), absent);
  }
  const filter = name.slice('experimental.'.length);
  const text = metadataText(facts.bag, filter, entry);
  const values = [...(text === undefined ? [] : [text]), ...(metadataList(facts.bag, filter, entry) ?? [])];
  return found(`\`${entry}\` of ${filter}`, values, `filter \`${filter}\` said nothing of \`${entry}\``);
}

function found(what: string, readings: Readings, absent: string): Found {
  const values = readings === undefined ? [] : typeof readings === 'string' ? [readings] : readings;
  return { what, values, absent };
}

function portNumbers({ port, bag }: Facts): string[] {
  const numbers = [port, listenPortOf(bag)].filter((number) => number !== undefined);
  return [...new Set(numbers)].map(String);
}

function noIdentity(facts: Facts, part: string): string {
  return facts.principal === undefined
    ? 'the caller has no identity: there was no client certificate'
    : `the caller \`${facts.principal}\` has no ${part}`;
}

function noToken(facts: Facts, part: string): string {
  return facts.token === undefined ? 'there is no verified token' : `the token has no ${part}`;
}

function principalOf(facts: Facts): string | undefined {
  const { issuer = '', subject = '' } = facts.token ?? {};
  return issuer === '' || subject === '' ? undefined : `${issuer}/${subject}`;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Booleans, numbers and objects match nothing: the commonest surprise about claims. */
function oddClaim(facts: Facts, path: readonly string[]): string | undefined {
  let value: unknown = facts.token?.claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  if (typeof value === 'string' || Array.isArray(value) || value === undefined) return undefined;
  const kind = value === null ? 'null' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
  return `claim \`${path.join('.')}\` is ${kind}, and only strings and lists of strings match`;
}

function address(what: string, facts: Facts, from: AddressSource): Found {
  const value = addressFrom(facts, from);
  if (value === underivable) {
    return found(
      what,
      undefined,
      'neither X-Forwarded-For and the trusted hops nor a PROXY header tell the address of the client',
    );
  }
  return found(what, value === undefined ? undefined : addressText(value), `the ${what} is not known`);
}

/** RFC 5952 §4.2: the longest run of zero groups is `::`. */
function addressText({ family, words }: Address): string {
  if (family === 4) {
    const word = words[0] ?? 0;
    return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join('.');
  }
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  let [start, length] = [0, 1];
  for (let at = 0; at < groups.length; at++) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}
