import { mintJwt } from '#ca/jwt/mint-jwt.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Clock } from '#runtime/clock.ts';
import { grantOf } from '#services/workload/registrations.ts';
import type { SvidSource } from '#services/workload/svid-source.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { IssuingDesk } from '../issuing/desk.ts';

/** SPIRE's default. */
const defaultJwtSeconds = 300;
/** A bearer token cannot be bound to a connection: a stolen one must end soon. */
const maxJwtSeconds = 86_400;

export interface OwnSvidsOptions {
  readonly desk: IssuingDesk;
  readonly authorities: Authorities;
  readonly clock: Clock;
  readonly onMinted: () => void;
}

/** SVIDs for the workloads of the CA's own host, straight from its desk. */
export function ownSvids({ desk, authorities, clock, onMinted }: OwnSvidsOptions): SvidSource {
  return {
    issue: (registration, { publicKey }, caller) =>
      desk.issue(
        {
          id: parseSpiffeId(registration.spiffeId),
          dnsNames: registration.dnsNames,
          publicKey,
          ttlSeconds: desk.allowed(registration.x509TtlSeconds),
        },
        { caller, grant: grantOf(registration) },
      ),
    mintJwt: async (registration, audience) => {
      const id = parseSpiffeId(registration.spiffeId);
      const seconds = Math.min(registration.jwtTtlSeconds ?? defaultJwtSeconds, maxJwtSeconds);
      const token = await mintJwt({ id, audience, now: clock.now(), seconds }, authorities.active().signers.jwt);
      onMinted();
      return token;
    },
  };
}
