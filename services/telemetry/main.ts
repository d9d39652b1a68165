import type { Address } from '#runtime/address.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Config } from '#runtime/config/config.ts';
import { showConfig } from '#runtime/config/show-config.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { Logger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { type Telemetry, composeTelemetry } from './compose.ts';

export interface TelemetryWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** `garrison telemetry`: a process of its own, which gets its identity from the CA with the join token of the state folder. */
export async function startTelemetry(
  config: Config,
  ca: Address,
  { clock, logger, signal }: TelemetryWorld,
): Promise<Telemetry> {
  await using starting = new AsyncDisposableStack();
  const state = StateFolder.open(config.state);
  const source = { ca, token: state.join('tokens', 'telemetry') };
  const identity = starting.use(await workloadIdentity(source, { clock, logger, signal }));
  const settings = { ...config.telemetry, shown: showConfig(config) };
  const telemetry = starting.use(
    await composeTelemetry(settings, { identity, state, clock, logger, stdout: process.stdout }),
  );
  const all = starting.move();
  return { ...telemetry, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
