import type { IdentitySource } from '../identity-source.ts';
import type { IdentityOptions } from './identity-options.ts';
import type { CaSource } from './ca-source.ts';
import { IdentityFromCa } from './identity-from-ca.ts';
import { WorkloadApiIdentity, type WorkloadApiSource } from './identity-from-workload-api.ts';

type Given = Omit<IdentityOptions, 'random'> & Partial<Pick<IdentityOptions, 'random'>>;

/** This process's identity: resolves with the first SVID, renews it at half life, keeps the last good one. */
export async function workloadIdentity(
  source: WorkloadApiSource | CaSource,
  { random = Math.random, ...given }: Given,
): Promise<IdentitySource & AsyncDisposable> {
  const options = { ...given, random };
  return 'ca' in source ? IdentityFromCa.open(source, options) : WorkloadApiIdentity.open(source, options);
}
