import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';

export interface IdentityOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Between 0 and 1, for the jitter of renewals. */
  readonly random: () => number;
}
