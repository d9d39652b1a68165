import { keyFault } from '#policies/index.ts';
import type { KeySet } from '#policies/index.ts';
import { readStrictJson } from '#policies/tokens/strict-json.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/** More keys than any issuer has in use; each may cost a verification. */
const maxKeys = 256;

export interface ReadKeySet {
  readonly set: KeySet;
  /** Keys that are there and are not used, and why (decision 22). */
  readonly ignored: readonly { readonly kid: string | undefined; readonly reason: string }[];
}

type Key = KeySet['keys'][number];

/** A JSON Web Key Set as it came over the network. Throws for what is none; keys that must not be used are left out. */
export function parseKeySet(body: Uint8Array, url: string): ReadKeySet {
  const { keys } = readObject(body, url);
  if (!Array.isArray(keys)) throw notA('JSON Web Key Set: it has no list `keys`', url);
  if (keys.length > maxKeys) throw notA(`JSON Web Key Set that can be used: it has more than ${maxKeys} keys`, url);
  const usable: Key[] = [];
  const ignored: { kid: string | undefined; reason: string }[] = [];
  for (const key of keys) {
    const reason = isKey(key) ? keyFault(key) : 'is no key';
    if (isKey(key) && reason === undefined) usable.push(key);
    else ignored.push({ kid: isKey(key) ? key.kid?.slice(0, 200) : undefined, reason: reason ?? 'is no key' });
  }
  return { set: { keys: usable }, ignored };
}

/** Where an issuer says its keys are. It must speak of itself, else anybody's document could lead to anybody's keys. */
export function parseDiscovery(body: Uint8Array, issuer: string, url: string): URL {
  const { issuer: named, jwks_uri: uri } = readObject(body, url);
  if (named !== issuer) throw notA(`discovery document of \`${issuer}\`: it names another issuer`, url);
  const target = typeof uri === 'string' ? httpUrl(uri) : undefined;
  if (target === undefined) throw notA('discovery document: `jwks_uri` is no http or https URL', url);
  if (url.startsWith('https:') && target.protocol !== 'https:') {
    throw notA('discovery document to follow: `jwks_uri` leads from https to http', url);
  }
  return target;
}

export function httpUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === ''
    ? url
    : undefined;
}

function readObject(body: Uint8Array, url: string): Readonly<Record<string, unknown>> {
  const read = readStrictJson(body);
  if (typeof read === 'string') throw new GarrisonError('UNAVAILABLE', `the document at \`${url}\` ${read}`);
  return read;
}

/** RFC 7517 §4: what the members we read must be where they are there. */
function isKey(value: unknown): value is Key {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const key = value as Readonly<Record<string, unknown>>;
  const texts = ['kid', 'use', 'alg', 'crv', 'n', 'e', 'x', 'y'].every(
    (name) => key[name] === undefined || typeof key[name] === 'string',
  );
  return typeof key['kty'] === 'string' && texts && (key['key_ops'] === undefined || Array.isArray(key['key_ops']));
}

function notA(what: string, url: string): GarrisonError {
  return new GarrisonError('UNAVAILABLE', `\`${url}\` is no ${what}`);
}
