import type { Address } from '#runtime/address.ts';
import type { JoinConfig } from '#runtime/config/join-config.ts';
import { joinByAttestation } from './join-by-attestation.ts';
import { joinByToken } from './join-by-token.ts';
import type { WayOfJoining } from './way-of-joining.ts';

/** The way of joining that a configuration names. */
export function wayOfJoining(ca: Address, config: JoinConfig): WayOfJoining {
  return config.kind === 'token' ? joinByToken(ca, config.token) : joinByAttestation(ca, config);
}
