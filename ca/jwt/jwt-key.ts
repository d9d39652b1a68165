import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';

/** A key that JWT-SVIDs of a trust domain are verified with, as its bundle publishes it. */
export interface JwtKey {
  readonly kid: string;
  readonly key: KeyObject;
}

const curves = ['P-256', 'P-384', 'P-521'];

/** A public key by its SubjectPublicKeyInfo; the key id is its JWK thumbprint (RFC 7638), so that it cannot drift from the key. */
export function jwtKeyOf(spki: Uint8Array): JwtKey {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  return { kid: thumbprint(key), key };
}

/** A key that another authority publishes, under the id that it gave it. Only kinds that a JWT-SVID may be signed with. */
export function jwtKeyOfJwk(kid: string, jwk: JsonWebKey): JwtKey {
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const fit = key.asymmetricKeyType === 'ec' ? curves.includes(jwk.crv ?? '') : modulusLength >= 2048;
  if (fit) return { kid, key };
  throw new GarrisonError('INVALID_ARGUMENT', 'the key is not one that a JWT-SVID may be signed with', {
    remedy: 'use P-256, P-384, P-521, or RSA of 2048 bits or more',
  });
}

function thumbprint(key: KeyObject): string {
  const { crv, e, kty, n, x, y } = key.export({ format: 'jwk' });
  return createHash('sha256').update(JSON.stringify({ crv, e, kty, n, x, y })).digest('base64url');
}

/** `jwt-svid` entries of a SPIFFE bundle: `kid` required, nothing private (SPIFFE-Trust-Domain-and-Bundle §4.2). */
export function toJwk({ kid, key }: JwtKey): Record<string, unknown> {
  return { ...publicMembers(key), kid, use: 'jwt-svid' };
}

/** As JWK members, whatever the kind; never a private one. */
export function publicMembers(key: KeyObject): Record<string, unknown> {
  const { kty, crv, x, y, n, e } = key.export({ format: 'jwk' });
  return Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined));
}
