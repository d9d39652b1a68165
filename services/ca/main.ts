import type { Clock } from '#runtime/clock.ts';
import type { Config } from '#runtime/config/config.ts';
import type { Secrets } from '#runtime/config/secrets.ts';
import type { Logger } from '#runtime/logger.ts';
import { Metrics } from '#runtime/metrics.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { composeCa, type Ca } from './compose.ts';
import { caSettings } from './settings.ts';

export interface CaWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** `garrison ca`: the certificate authority of a configuration, serving when this resolves. */
export async function startCa(config: Config, { passphrase }: Secrets, { clock, logger }: CaWorld): Promise<Ca> {
  const state = StateFolder.open(config.state);
  const metrics = new Metrics();
  metrics.collectProcessMetrics();
  return composeCa(caSettings(config), { state, passphrase, clock, logger, metrics, random: Math.random });
}
