import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Readiness } from '#runtime/readiness.ts';
import type { Ledger } from './port.ts';

const probeMs = 500;

/**
 * While the ledger cannot be written nothing is signed, and `/readyz` says why. Whoever reads that sends no more callers,
 * so the ledger is tried until it can be written again.
 */
export class LedgerReadiness implements AsyncDisposable {
  readonly #ledger: Ledger;
  readonly #readiness: Readiness;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  #probing: Promise<void> | undefined;

  constructor(ledger: Ledger, around: { readiness: Readiness; clock: Clock; logger: Logger }) {
    this.#ledger = ledger;
    this.#readiness = around.readiness;
    this.#clock = around.clock;
    this.#logger = around.logger;
  }

  /** Something could not be done: if that is because of the ledger, the process is ready no more. */
  failed(error: unknown): void {
    if (!(error instanceof GarrisonError) || error.code !== 'UNAVAILABLE') return;
    this.#logger.error('certificate not issued', { error });
    if (this.#probing !== undefined || this.#stop.signal.aborted) return;
    const clear = this.#readiness.pending(`ledger: ${error.message}`);
    this.#probing = this.#probe(clear);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#probing;
  }

  async #probe(clear: () => void): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#clock.sleep(probeMs, signal);
      if (signal.aborted) return;
      try {
        await this.#ledger.check();
        break;
      } catch {
        // Still not; it has been said.
      }
    }
    clear();
    this.#probing = undefined;
    if (!signal.aborted) this.#logger.info('the ledger can be written again');
  }
}
