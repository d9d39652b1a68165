import { importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import type { JwtRule } from '../documents/model.ts';

export interface KeySet {
  readonly keys: readonly JWK[];
}

/** Where the keys of an issuer come from when its rule does not hold them itself. Fetching is somebody else's work. */
export interface KeySource {
  /**
   * The key set of a rule (`jwksUri`, else by discovery from the issuer).
   * `unknownKid`: a set was given before that lacks the key now asked for. Rejects when there is none to be had.
   */
  keysFor(rule: JwtRule, unknownKid: string | undefined): Promise<KeySet>;
}

/** A source for rules that all hold their keys themselves. */
export const inlineKeysOnly: KeySource = {
  keysFor: () => Promise.reject(new Error('keys are not fetched here')),
};

interface Algorithm {
  readonly kty: string;
  readonly crv?: string;
}

/** Asymmetric signatures only. What a key is for is decided by the key, never by the token alone. */
const algorithms: ReadonlyMap<string, Algorithm> = new Map([
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((name): [string, Algorithm] => [name, { kty: 'RSA' }]),
  ['ES256', { kty: 'EC', crv: 'P-256' }],
  ['ES384', { kty: 'EC', crv: 'P-384' }],
  ['ES512', { kty: 'EC', crv: 'P-521' }],
  ['EdDSA', { kty: 'OKP', crv: 'Ed25519' }],
  ['Ed25519', { kty: 'OKP', crv: 'Ed25519' }],
]);

export function isSignatureAlgorithm(alg: string): boolean {
  return algorithms.has(alg);
}

/** Why a key of a set must not be used; undefined for one that may. */
export function keyFault(key: JWK): string | undefined {
  if (key.kty === 'oct') return 'is symmetric';
  if (key.d !== undefined) return 'has its private part';
  if (key.use !== undefined && key.use !== 'sig') return `is for \`${key.use}\`, not for signatures`;
  if (key.key_ops !== undefined && !key.key_ops.includes('verify')) return 'is not for verifying';
  if (key.kty === 'RSA' && rsaBits(key.n ?? '') < 2048) return 'is an RSA key below 2048 bits';
  if (
    ![...algorithms.values()].some(
      (known) => known.kty === key.kty && (known.crv === undefined || known.crv === key.crv),
    )
  ) {
    return 'is of a kind that signs no token';
  }
  return undefined;
}

/** Length of a number in base64url, in bits. */
function rsaBits(modulus: string): number {
  try {
    const octets = atob(modulus.replaceAll('-', '+').replaceAll('_', '/')).replace(/^\0+/, '');
    return octets === '' ? 0 : octets.length * 8 - (Math.clz32(octets.charCodeAt(0)) - 24);
  } catch {
    return 0;
  }
}

/** Keys that may have signed a token with this header. */
export function candidates(set: KeySet, alg: string, kid: string | undefined): JWK[] {
  const wanted = algorithms.get(alg);
  if (wanted === undefined) return [];
  return set.keys.filter(
    (key) =>
      keyFault(key) === undefined &&
      key.kty === wanted.kty &&
      (wanted.crv === undefined || key.crv === wanted.crv) &&
      (key.alg === undefined || sameAlgorithm(key.alg, alg)) &&
      (kid === undefined || key.kid === undefined || key.kid === kid),
  );
}

/** RFC 9864 gave EdDSA with Ed25519 a name of its own. */
function sameAlgorithm(a: string, b: string): boolean {
  const plain = (alg: string): string => (alg === 'EdDSA' ? 'Ed25519' : alg);
  return plain(a) === plain(b);
}

const imported = new WeakMap<JWK, Map<string, Promise<CryptoKey | Uint8Array>>>();

/** Imports a key once for each algorithm, for as long as its set is in use. */
export function importKey(key: JWK, alg: string): Promise<CryptoKey | Uint8Array> {
  let known = imported.get(key);
  if (known === undefined) imported.set(key, (known = new Map<string, Promise<CryptoKey | Uint8Array>>()));
  let promise = known.get(alg);
  if (promise === undefined) known.set(alg, (promise = importJWK(key, alg)));
  return promise;
}

const inline = new WeakMap<JwtRule, KeySet | undefined>();

/** The keys a rule holds itself; undefined where it holds none. A set that cannot be read has no key. */
export function inlineKeys(rule: JwtRule): KeySet | undefined {
  if (rule.jwks === undefined) return undefined;
  if (!inline.has(rule)) inline.set(rule, readKeySet(rule.jwks));
  return inline.get(rule);
}

export function readKeySet(text: string): KeySet {
  try {
    const value: unknown = JSON.parse(text);
    const keys: unknown = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
    if (!Array.isArray(keys)) return { keys: [] };
    return { keys: keys.filter((key): key is JWK => typeof key === 'object' && key !== null && 'kty' in key) };
  } catch {
    return { keys: [] };
  }
}
