import type { JoinConfig } from '#runtime/config/join-config.ts';
import type { OnExposed } from '#runtime/config/read-secret-file.ts';
import type { AuthorityPlaces } from '../asking/authority-places.ts';
import { joinByAttestation } from './join-by-attestation.ts';
import { joinByToken } from './join-by-token.ts';
import type { WayOfJoining } from './way-of-joining.ts';

/** The way of joining that a configuration names. */
export function wayOfJoining(places: AuthorityPlaces, config: JoinConfig, onExposed: OnExposed): WayOfJoining {
  return config.kind === 'token' ? joinByToken(places, config.token) : joinByAttestation(places, config, onExposed);
}
