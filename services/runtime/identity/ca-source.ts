import type { Address } from '../address.ts';

/** An authority, and what to join it with. */
export interface CaSource {
  readonly ca: Address;
  /** File with the join token. */
  readonly token: string;
}
