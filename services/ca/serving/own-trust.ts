import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Trust } from '#services/workload/trust.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { Federation } from '../federation/federation.ts';
import { trustedJwtKeys } from '../jwt-authority/jwt-keys.ts';

/** What the CA's own authorities vouch for, and, each for itself, what those of other trust domains do. */
export function ownTrust(authorities: Authorities, federation: Federation, trustDomain: TrustDomain): Trust {
  return {
    trustDomain,
    bundle: () => authorities.bundle(),
    jwtKeys: () => trustedJwtKeys(authorities),
    foreign: () => federation.foreign(),
  };
}
