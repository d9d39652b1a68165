import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Readiness } from '#runtime/readiness.ts';
import { asGarrisonError } from '#proto/errors/index.ts';
import type { AuditEntry } from './audit-record.ts';
import type { AuditStore } from './audit-store.ts';

export interface GuardOptions {
  readonly store: AuditStore;
  readonly readiness: Readiness;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly probeEveryMs: number;
}

/**
 * Tells /readyz why records cannot be kept, from the first failure until writing works again. It tries by itself:
 * a process that is not ready is sent no reports whose success could tell.
 */
export class GuardedStore implements AsyncDisposable {
  readonly #options: GuardOptions;
  readonly #end = new AbortController();
  #watching: Promise<void> | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  async append(entries: readonly AuditEntry[]): Promise<void> {
    try {
      await this.#options.store.append(entries);
    } catch (error) {
      // A queue that is full for a moment is back-pressure, not a broken store.
      if (asGarrisonError(error).code !== 'RESOURCE_EXHAUSTED') this.#watching ??= this.#watch(error);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#watching;
    await this.#options.store[Symbol.asyncDispose]();
  }

  async #watch(cause: unknown): Promise<void> {
    const { store, readiness, clock, logger, probeEveryMs } = this.#options;
    const { signal } = this.#end;
    const restored = readiness.pending(asGarrisonError(cause).describe());
    logger.error('audit records cannot be kept', { error: cause });
    for (;;) {
      await clock.sleep(probeEveryMs, signal);
      if (signal.aborted) return;
      try {
        await store.probe();
        break;
      } catch (error) {
        logger.debug('audit records still cannot be kept', { error });
      }
    }
    restored();
    this.#watching = undefined;
    logger.info('audit records are kept again');
  }
}
