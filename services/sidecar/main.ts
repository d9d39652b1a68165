import type { SidecarConfig } from '#runtime/config/sidecar-config.ts';
import type { Clock } from '#runtime/clock.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import { aborted } from '#runtime/lifecycle.ts';
import type { Logger } from '#runtime/logger.ts';
import { Metrics } from '#runtime/metrics.ts';
import { type Sidecar, composeSidecar } from './compose.ts';

export interface SidecarWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the waiting for an identity and for the first revision. */
  readonly signal: AbortSignal;
}

/** A sidecar as its own process: gets its identity, listens, and resolves when its first revision lets traffic through. */
export async function startSidecar(config: SidecarConfig, { clock, logger, signal }: SidecarWorld): Promise<Sidecar> {
  const metrics = new Metrics();
  metrics.collectProcessMetrics();
  const identity = await workloadIdentity(config.identity, { clock, logger, signal });
  try {
    const sidecar = await composeSidecar(config, { identity, clock, logger, metrics });
    await Promise.race([sidecar.admin.readiness.ready(), aborted(signal)]);
    return {
      ...sidecar,
      [Symbol.asyncDispose]: async () => {
        await sidecar[Symbol.asyncDispose]();
        await identity[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await identity[Symbol.asyncDispose]();
    throw error;
  }
}
