import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Trust } from '#services/workload/trust.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { Federation } from '../federation/federation.ts';

/** What the CA's own authorities vouch for, and, each for itself, what those of other trust domains do. */
export function ownTrust(authorities: Authorities, federation: Federation, trustDomain: TrustDomain): Trust {
  return {
    trustDomain,
    bundle: () => authorities.bundle(),
    jwtKeys: () => authorities.trusted().map(({ jwtKey }) => jwtKey),
    foreign: () => federation.foreign(),
  };
}
