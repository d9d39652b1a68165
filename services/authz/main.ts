import type { Address } from '#runtime/address.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Config } from '#runtime/config/config.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { Logger } from '#runtime/logger.ts';
import { Metrics } from '#runtime/metrics.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { composeAuthz } from './compose.ts';
import type { Authz } from './compose.ts';
import { authzSettings } from './settings.ts';

export interface AuthzWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** `garrison authz`: a process of its own, which gets its identity from the CA with the join token of the state folder. */
export async function startAuthz(config: Config, ca: Address, { clock, logger, signal }: AuthzWorld): Promise<Authz> {
  const state = StateFolder.open(config.state);
  const identity = await workloadIdentity({ ca, token: state.join('tokens', 'authz') }, { clock, logger, signal });
  try {
    const metrics = new Metrics();
    metrics.collectProcessMetrics();
    const authz = await composeAuthz(authzSettings(config), { identity, state, clock, logger, metrics });
    return {
      ...authz,
      [Symbol.asyncDispose]: async () => {
        await authz[Symbol.asyncDispose]();
        await identity[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await identity[Symbol.asyncDispose]();
    throw error;
  }
}
