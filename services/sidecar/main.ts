import { serviceAccountOf } from '#ca/index.ts';
import type { SidecarConfig } from '#runtime/config/sidecar-config.ts';
import type { Clock } from '#runtime/clock.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
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
  warnOfOther(identity, config, logger);
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

/** Peers and policies go by the identity: beside the workload of another one everything starts, and then is refused. */
function warnOfOther(identity: IdentitySource, { workload, identity: source }: SidecarConfig, logger: Logger): void {
  const { spiffeId } = identity.current();
  const own = serviceAccountOf(spiffeId);
  // One of another shape is nobody's service account.
  if (own === undefined) return;
  if (own.namespace === workload.namespace && own.serviceAccount === workload.serviceAccount) return;
  logger.warn('the identity is not that of the configured workload', {
    identity: spiffeId,
    workload: `${workload.namespace}/${workload.serviceAccount}`,
    remedy:
      'token' in source
        ? `correct \`workload\`, or put a token of that service account in \`${source.token}\``
        : 'correct `workload`, or register this process as that service account',
  });
}
