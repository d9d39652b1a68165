import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { GarrisonError } from '#proto/errors/index.ts';
import type { SpiffeId } from '../spiffe-id.ts';

export interface JwtRequest {
  readonly id: SpiffeId;
  readonly audience: readonly string[];
  readonly now: Date;
  readonly seconds: number;
  /** `iss`, for verifiers that speak OpenID Connect; JWT-SVIDs need none. */
  readonly issuer?: string | undefined;
}

export interface JwtSigner {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

/** JWT-SVID §3: `sub`, `aud` and `exp`; header `alg`, `kid`, `typ` and nothing else. */
export async function mintJwt(request: JwtRequest, { kid, privateKey }: JwtSigner): Promise<string> {
  const { id, audience, now, seconds, issuer } = request;
  if (audience.length === 0 || audience.includes('')) {
    throw new GarrisonError('INVALID_ARGUMENT', 'a JWT-SVID needs an audience', {
      remedy: 'name the service that the token is for',
    });
  }
  const start = Math.floor(now.getTime() / 1000);
  const jwt = new SignJWT()
    .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
    .setSubject(id.toString())
    // One audience as a string: the published schema knows no other form, and one is what is recommended.
    .setAudience(audience.length === 1 ? (audience[0] ?? '') : [...audience])
    .setIssuedAt(start)
    .setExpirationTime(start + seconds);
  if (issuer !== undefined) jwt.setIssuer(issuer);
  return await jwt.sign(privateKey);
}
