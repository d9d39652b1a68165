import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import type { CaCore } from '../ca-core.ts';
import type { BootstrapTokens } from './bootstrap-tokens.ts';

const lookMs = 3_600_000;

/** Replaces bootstrap tokens as soon as one was redeemed, and looks for old ones now and then. Also forgets expired tokens. */
export async function keepBootstrapTokens(
  bootstrap: BootstrapTokens,
  { ledger, tokens, authorities }: CaCore,
  { clock, logger, signal }: { clock: Clock; logger: Logger; signal: AbortSignal },
): Promise<void> {
  let wake = new AbortController();
  const stops = [tokens.onRedeemed(() => wake.abort()), authorities.onChange(() => wake.abort())];
  for (;;) {
    await clock.sleep(lookMs, AbortSignal.any([signal, wake.signal]));
    if (signal.aborted) break;
    wake = new AbortController();
    try {
      await bootstrap.refresh();
      await ledger.pruneTokens(new Date(clock.now().getTime() - 7 * 86_400_000));
    } catch (error) {
      logger.error('join tokens of the mesh’s own processes not replaced', { error });
      await clock.sleep(1000, signal);
      wake.abort();
    }
  }
  for (const stop of stops) stop();
}
