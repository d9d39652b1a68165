import type { Clock } from '../clock.ts';
import type { IdentitySource } from '../identity-source.ts';
import type { Logger } from '../logger.ts';
import { identityFromCa, type CaSource } from './identity-from-ca.ts';
import { WorkloadApiIdentity, type WorkloadApiSource } from './identity-from-workload-api.ts';

export interface IdentityOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Between 0 and 1, for the jitter of renewals. */
  readonly random: () => number;
}

type Given = Omit<IdentityOptions, 'random'> & Partial<Pick<IdentityOptions, 'random'>>;

/** This process's identity: resolves with the first SVID, renews it at half life, keeps the last good one. */
export async function workloadIdentity(
  source: WorkloadApiSource | CaSource,
  { random = Math.random, ...given }: Given,
): Promise<IdentitySource & AsyncDisposable> {
  const options = { ...given, random };
  return 'ca' in source ? identityFromCa(source, options) : WorkloadApiIdentity.open(source, options);
}
