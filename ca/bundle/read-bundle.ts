import { X509Certificate } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';
import { readBasicConstraints, readCertificate } from '../certificate/read-certificate.ts';
import { oids } from '../der/oids.ts';
import { jwtKeyOfJwk, type JwtKey } from '../jwt/jwt-key.ts';
import { readJson, type Json, type JsonObject } from './read-json.ts';

/** What a bundle document says. Whose it is stands nowhere in it: that is known by where it came from. */
export interface BundleDocument {
  /** DER, in the order of the document. Empty together with `jwtKeys`: everything was revoked. */
  readonly roots: readonly Uint8Array[];
  readonly jwtKeys: readonly JwtKey[];
  readonly sequence: bigint | undefined;
  readonly refreshHintSeconds: number | undefined;
  /** How many entries are of a kind that is not known here. */
  readonly ignored: number;
}

const largest = 2n ** 64n - 1n;

/**
 * Reads a SPIFFE bundle document (SPIFFE Trust Domain and Bundle §4). An entry whose `kty` or `use` is unknown or missing
 * is ignored; one that is of a known kind and wrong makes the whole document worth nothing, for half a bundle would lock
 * out whoever stands on the other half. Throws INVALID_ARGUMENT.
 */
export function readBundle(text: string): BundleDocument {
  const document = readJson(text);
  if (!isObject(document)) throw fault('bundle', 'is no JSON object');
  const keys = document.get('keys');
  if (!Array.isArray(keys)) throw fault('keys', keys === undefined ? 'is missing' : 'is no list');
  const roots: Uint8Array[] = [];
  const jwtKeys: JwtKey[] = [];
  for (const [index, entry] of (keys as readonly Json[]).entries()) {
    const place = `keys[${index}]`;
    if (!isObject(entry)) throw fault(place, 'is no JSON object');
    if (!knownType(entry)) continue;
    const use = entry.get('use');
    if (use === 'x509-svid') roots.push(readRoot(entry, place));
    if (use === 'jwt-svid') jwtKeys.push(readJwtKey(entry, place, jwtKeys));
  }
  const hint = readInteger(document, 'spiffe_refresh_hint');
  return {
    roots,
    jwtKeys,
    sequence: readInteger(document, 'spiffe_sequence'),
    refreshHintSeconds: hint === undefined ? undefined : Number(hint > 2n ** 31n ? 2n ** 31n : hint),
    ignored: keys.length - roots.length - jwtKeys.length,
  };
}

/** §4.2.2: `x5c` holds exactly one certificate, of an authority; `kid` is absent. */
function readRoot(entry: JsonObject, place: string): Uint8Array {
  if (entry.has('kid')) throw fault(`${place}.kid`, 'has no place in an `x509-svid` entry');
  const chain = entry.get('x5c');
  const [only, ...more]: readonly Json[] = Array.isArray(chain) ? (chain as readonly Json[]) : [];
  if (typeof only !== 'string' || more.length > 0) throw fault(`${place}.x5c`, 'does not hold exactly one certificate');
  const der = Buffer.from(only, 'base64');
  // Buffer skips over what is not base64; encoding again shows whether it had to.
  if (der.toString('base64') !== only) throw fault(`${place}.x5c[0]`, 'is not base64');
  try {
    const constraints = readCertificate(der).tbs.extensions.get(oids.basicConstraints);
    if (constraints !== undefined && readBasicConstraints(constraints.value).ca && new X509Certificate(der).ca) {
      return Uint8Array.from(der);
    }
  } catch (cause) {
    throw fault(`${place}.x5c[0]`, 'is no certificate', cause);
  }
  throw fault(`${place}.x5c[0]`, 'is not the certificate of an authority');
}

function readJwtKey(entry: JsonObject, place: string, before: readonly JwtKey[]): JwtKey {
  const kid = entry.get('kid');
  if (typeof kid !== 'string' || kid === '') throw fault(`${place}.kid`, 'is missing');
  if (before.some((known) => known.kid === kid)) throw fault(`${place}.kid`, 'is that of another entry too');
  if (entry.has('d')) throw fault(place, 'shows a private key');
  const members = ['kty', 'crv', 'x', 'y', 'n', 'e'].map((name) => [name, entry.get(name)] as const);
  try {
    return jwtKeyOfJwk(kid, Object.fromEntries(members.filter(([, value]) => typeof value === 'string')));
  } catch (cause) {
    throw fault(place, 'holds no usable key', cause);
  }
}

/** An `OKP` key can stand under an X.509 root, never under a JWT-SVID, whose algorithms do not know it. */
function knownType(entry: JsonObject): boolean {
  const type = entry.get('kty');
  return type === 'EC' || type === 'RSA' || (type === 'OKP' && entry.get('use') === 'x509-svid');
}

function readInteger(document: JsonObject, name: string): bigint | undefined {
  const value = document.get(name);
  if (value === undefined) return undefined;
  if (typeof value === 'bigint' && value >= 0n && value <= largest) return value;
  throw fault(name, 'is no integer from 0 to 2^64 − 1');
}

function isObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map;
}

function fault(place: string, what: string, cause?: unknown): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `the trust bundle cannot be used: \`${place}\` ${what}`, { cause });
}
