import { IdentityReader } from '../decide/identity.ts';
import type { Mesh, Profile } from '../documents/mesh.ts';
import type { PathLevel } from '../decide/normalize-path.ts';
import { NameCheck } from '../decide/name-check.ts';
import { HeaderScanner } from '../decide/scan-headers.ts';

/** What of a mesh matters for deciding, and what deciding remembers from request to request. */
export interface Settings {
  readonly strict: boolean;
  readonly pathLevel: PathLevel;
  readonly trustedHops: number;
  readonly identities: IdentityReader;
  readonly headerScanner: HeaderScanner;
  readonly hosts: NameCheck;
  readonly serverNames: NameCheck;
}

/** What of the mesh matters for deciding, as a profile has it. */
export function settingsFor(mesh: Mesh, profile: Profile): Settings {
  const strict = profile === 'strict';
  return {
    strict,
    pathLevel: mesh.pathNormalization ?? (strict ? 'DECODE_AND_MERGE_SLASHES' : 'BASE'),
    trustedHops: mesh.trustedHops,
    identities: new IdentityReader(),
    headerScanner: new HeaderScanner(),
    hosts: new NameCheck(),
    serverNames: new NameCheck(),
  };
}
