import type { IdentityReader } from '../decide/identity.ts';
import type { PathLevel } from '../decide/normalize-path.ts';
import type { NameCheck } from '../decide/name-check.ts';
import type { HeaderScanner } from '../decide/scan-headers.ts';

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
