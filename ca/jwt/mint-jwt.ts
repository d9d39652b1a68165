import { SignJWT } from 'jose';
import { ecdsaFromDer } from '../keys/ecdsa-signature.ts';
import type { Signer } from '../keys/signer.ts';
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
  /** Of a P-256 key. */
  readonly signer: Signer;
}

const coordinateBytes = 32;

/** JWT-SVID §3: `sub`, `aud` and `exp`; header `alg`, `kid`, `typ` and nothing else. */
export async function mintJwt(request: JwtRequest, { kid, signer }: JwtSigner): Promise<string> {
  const { id, audience, now, seconds, issuer } = request;
  if (audience.length === 0 || audience.includes('')) {
    throw new GarrisonError('INVALID_ARGUMENT', 'a JWT-SVID needs an audience', {
      remedy: 'name the service that the token is for',
    });
  }
  const start = Math.floor(now.getTime() / 1000);
  const header = { alg: 'ES256', kid, typ: 'JWT' };
  const claims = {
    sub: id.toString(),
    // One audience as a string: the published schema knows no other form, and one is what is recommended.
    aud: audience.length === 1 ? (audience[0] ?? '') : [...audience],
    iat: start,
    exp: start + seconds,
    ...(issuer === undefined ? {} : { iss: issuer }),
  };
  if (signer.privateKey !== undefined) return new SignJWT(claims).setProtectedHeader(header).sign(signer.privateKey);
  // jose signs with keys that it can see; a token's are not (RFC 7515 §5.1, by hand).
  const input = `${encoded(header)}.${encoded(claims)}`;
  const signature = ecdsaFromDer(await signer.sign(Buffer.from(input, 'latin1')), coordinateBytes);
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part), 'utf8').toString('base64url');
}
