import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

/** A key that JWT-SVIDs of a trust domain are verified with, as its bundle publishes it. */
export interface JwtKey {
  readonly kid: string;
  readonly key: KeyObject;
}

/** A public key by its SubjectPublicKeyInfo; the key id is its JWK thumbprint (RFC 7638), so that it cannot drift from the key. */
export function jwtKeyOf(spki: Uint8Array): JwtKey {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  return { kid: thumbprint(key), key };
}

function thumbprint(key: KeyObject): string {
  const { crv, kty, x, y } = key.export({ format: 'jwk' });
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

/** `jwt-svid` entries of a SPIFFE bundle: `kid` required, nothing private (SPIFFE-Trust-Domain-and-Bundle §4.2). */
export function toJwk({ kid, key }: JwtKey): Record<string, unknown> {
  const { crv, kty, x, y } = key.export({ format: 'jwk' });
  return { kty, crv, x, y, kid, use: 'jwt-svid' };
}
