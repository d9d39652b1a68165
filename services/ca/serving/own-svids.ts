import { createHash } from 'node:crypto';
import { mintJwt } from '#ca/jwt/mint-jwt.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Clock } from '#runtime/clock.ts';
import { grantOf } from '#services/workload/registrations.ts';
import type { SvidSource } from '#services/workload/svid-source.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { IssuingDesk } from '../issuing/desk.ts';
import { issueRegistered } from '../issuing/issue-registered.ts';
import { jwtSigner } from '../jwt-authority/jwt-keys.ts';
import type { Ledger } from '../ledger/port.ts';

/** SPIRE's default. */
const defaultJwtSeconds = 300;
/** A bearer token cannot be bound to a connection: a stolen one must end soon. */
const maxJwtSeconds = 86_400;

export interface OwnSvidsOptions {
  readonly desk: IssuingDesk;
  readonly authorities: Authorities;
  readonly ledger: Pick<Ledger, 'noteJwt'>;
  /** `iss` of JWT-SVIDs; absent where nobody could look it up. */
  readonly issuer: string | undefined;
  readonly clock: Clock;
  readonly onMinted: () => void;
}

/** SVIDs for the workloads of the CA's own host, straight from its desk. */
export function ownSvids({ desk, authorities, ledger, issuer, clock, onMinted }: OwnSvidsOptions): SvidSource {
  return {
    issue: (registration, { publicKey }, caller) => issueRegistered(desk, registration, publicKey, caller),
    mintJwt: async (registration, audience, caller) => {
      const id = parseSpiffeId(registration.spiffeId);
      const seconds = Math.min(registration.jwtTtlSeconds ?? defaultJwtSeconds, maxJwtSeconds);
      const issuedAt = clock.now();
      const jwt = jwtSigner(authorities);
      const token = await mintJwt({ id, audience, now: issuedAt, seconds, issuer }, jwt);
      // On the record before anybody holds it; the token itself is nowhere kept.
      await ledger.noteJwt({
        spiffeId: registration.spiffeId,
        audience,
        keyId: jwt.kid,
        tokenHash: createHash('sha256').update(token).digest('hex'),
        issuedAt,
        expiresAt: new Date((Math.floor(issuedAt.getTime() / 1000) + seconds) * 1000),
        caller,
        grant: grantOf(registration),
      });
      onMinted();
      return token;
    },
  };
}
