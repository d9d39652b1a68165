import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import type { AuditStore } from './audit-store.ts';

const everyMs = 10 * 60_000;

/** Forgets records older than `retentionMs`, now and every ten minutes, until the signal aborts. */
export async function keepFor(
  retentionMs: number,
  { store, clock, logger, signal }: { store: AuditStore; clock: Clock; logger: Logger; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      const forgotten = await store.prune(clock.now().getTime() - retentionMs);
      if (forgotten > 0) logger.info('audit records reached their age', { forgotten });
    } catch (error) {
      logger.error('old audit records could not be removed', { error });
    }
    await clock.sleep(everyMs, signal);
  }
}
