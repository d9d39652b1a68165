import type { AuthorityRecord } from '../ledger/port.ts';
import type { Inherited } from '../revocations.ts';

/** Where authorities come from: a root of our own, files that somebody plugs in, or an authority above this one. */
export interface AuthoritySource {
  readonly kind: 'own' | 'plugged-in' | 'upstream';
  /** A new authority with its keys kept; it counts when the ledger has it. */
  make(state: AuthorityRecord['state']): Promise<AuthorityRecord>;
  /** The id of the one authority that may sign, where there is no choice. */
  wanted?(): string;
  /** DER of roots that count beside those of the authorities. */
  further(): readonly Uint8Array[];
  /** What somebody above had revoked when it was heard last. */
  inherited?(): Inherited;
}
