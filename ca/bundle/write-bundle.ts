import { publicMembers, toJwk, type JwtKey } from '../jwt/jwt-key.ts';
import { readPublicKey } from '../keys/public-key.ts';
import { readCertificate } from '../certificate/read-certificate.ts';
import type { TrustDomain } from '../spiffe-id.ts';

/** What a trust domain is verified with. */
export interface TrustBundle {
  readonly trustDomain: TrustDomain;
  /** DER roots. */
  readonly roots: readonly Uint8Array[];
  readonly jwtKeys: readonly JwtKey[];
  /** Grows with every change of content. */
  readonly sequence: number;
  readonly refreshHintSeconds: number;
}

/** The SPIFFE bundle document: a JWK set with `x509-svid` and `jwt-svid` keys (SPIFFE-Trust-Domain-and-Bundle §4). */
export function toBundleDocument({
  roots,
  jwtKeys,
  sequence,
  refreshHintSeconds,
}: TrustBundle): Record<string, unknown> {
  return {
    keys: [...roots.map(x509Jwk), ...jwtKeys.map(toJwk)],
    spiffe_sequence: sequence,
    spiffe_refresh_hint: refreshHintSeconds,
  };
}

/** The JWK set that the Workload API gives: `jwt-svid` keys only. */
export function toJwtBundle({ jwtKeys }: Pick<TrustBundle, 'jwtKeys'>): Record<string, unknown> {
  return { keys: jwtKeys.map(toJwk) };
}

/** §4.2.2: `x5c` holds exactly one certificate, and `kid` is absent. */
function x509Jwk(root: Uint8Array): Record<string, unknown> {
  const { key } = readPublicKey(readCertificate(root).tbs.spki);
  return { ...publicMembers(key), use: 'x509-svid', x5c: [Buffer.from(root).toString('base64')] };
}
