import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { GarrisonError } from '#proto/errors/index.ts';
import { parseSpiffeId, type SpiffeId, type TrustDomain } from '../spiffe-id.ts';
import type { JwtKey } from './jwt-key.ts';

/** JWT-SVID §2.1: neither HMAC nor `none` nor EdDSA. */
const algorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];
const curveOf: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };
const headerParameters: ReadonlySet<string> = new Set(['alg', 'kid', 'typ']);
const leewaySeconds = 30;
const maxTokenCharacters = 16_384;

export interface ValidJwt {
  readonly id: SpiffeId;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface JwtValidation {
  readonly token: string;
  /** Who validates: the token must be for it. */
  readonly audience: string;
  readonly now: Date;
  /** Keys of one trust domain, and of that one only; undefined where it is not known. */
  readonly keysOf: (trustDomain: TrustDomain) => readonly JwtKey[] | undefined;
}

/** JWT-SVID §4 and §5, every rule; what is not said there is refused. */
export async function validateJwt({ token, audience, now, keysOf }: JwtValidation): Promise<ValidJwt> {
  if (audience === '') throw refusal('the audience to validate for is empty');
  const { alg, kid } = readHeader(token);
  const id = readSubject(token);
  const key = keysOf(id.trustDomain)?.find((known) => known.kid === kid);
  if (key === undefined) throw refusal(`no key of the trust domain \`${id.trustDomain}\` has this \`kid\``);
  if (!fits(key, alg)) throw refusal('its algorithm is not one for the key that has its `kid`');
  try {
    const { payload } = await jwtVerify(token, key.key, {
      algorithms,
      audience,
      currentDate: now,
      clockTolerance: leewaySeconds,
      requiredClaims: ['sub', 'aud', 'exp'],
    });
    return { id, claims: payload };
  } catch (error) {
    if (error instanceof errors.JOSEError) throw refusal(reasonOf(error), error);
    throw error;
  }
}

/** The key says which algorithms it is for, never the token. */
function fits({ key }: JwtKey, alg: string): boolean {
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  return key.asymmetricKeyType === 'ec' ? curveOf[alg] === namedCurve : curveOf[alg] === undefined;
}

function readHeader(token: string): { readonly alg: string; readonly kid: string } {
  if (token.length > maxTokenCharacters) throw refusal(`it is longer than ${maxTokenCharacters} characters`);
  // Compact form only: three parts, so no JSON form and no unprotected header.
  if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token)) throw refusal('it is no compact JWS');
  let header: Record<string, unknown>;
  try {
    header = decodeProtectedHeader(token);
  } catch (cause) {
    throw refusal('its header cannot be read', cause);
  }
  const foreign = Object.keys(header).find((name) => !headerParameters.has(name));
  if (foreign !== undefined) throw refusal('its header has parameters other than `alg`, `kid` and `typ`');
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !algorithms.includes(alg)) throw refusal('its algorithm is not accepted');
  if (typ !== undefined && typ !== 'JWT' && typ !== 'JOSE') throw refusal('its type is neither `JWT` nor `JOSE`');
  if (typeof kid !== 'string' || kid === '') throw refusal('it has no `kid`');
  return { alg, kid };
}

/** Read before the signature is checked, only to know whose keys to check it with. */
function readSubject(token: string): SpiffeId {
  let id: SpiffeId | undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const sub = typeof claims === 'object' && claims !== null && 'sub' in claims ? claims.sub : undefined;
    if (typeof sub === 'string') id = parseSpiffeId(sub);
  } catch (cause) {
    throw refusal('its subject cannot be read', cause);
  }
  if (id === undefined) throw refusal('it has no subject');
  if (id.path === '') throw refusal('its subject names a trust domain, not a workload');
  return id;
}

function reasonOf(error: InstanceType<typeof errors.JOSEError>): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature does not verify';
  if (error instanceof errors.JWTClaimValidationFailed)
    return `its \`${error.claim}\` is missing or not what it must be`;
  return 'it is malformed';
}

function refusal(reason: string, cause?: unknown): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `the JWT-SVID is not valid: ${reason}`, { cause });
}
