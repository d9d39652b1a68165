import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Trust } from '#services/workload/trust.ts';
import type { Authorities } from '../authority/authorities.ts';

/** What the CA's own authorities vouch for. */
export function ownTrust(authorities: Authorities, trustDomain: TrustDomain): Trust {
  return {
    trustDomain,
    bundle: () => authorities.bundle(),
    jwtKeys: () => authorities.trusted().map(({ jwtKey }) => jwtKey),
    foreign: () => new Map(),
  };
}
