import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Readiness } from '#runtime/readiness.ts';
import type { Ledger } from './port.ts';
import { isShared } from './shared-ledger.ts';

const probeMs = 500;
const watchMs = 2000;

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
  readonly #watching: Promise<void>;
  #probing: Promise<void> | undefined;

  constructor(ledger: Ledger, around: { readiness: Readiness; clock: Clock; logger: Logger }) {
    this.#ledger = ledger;
    this.#readiness = around.readiness;
    this.#clock = around.clock;
    this.#logger = around.logger;
    // A disk is asked when something is to be written; a database elsewhere may go while nobody asks for anything.
    this.#watching = isShared(ledger) ? this.#watch() : Promise.resolve();
  }

  /** Something could not be done: if that is because of the ledger, the process is ready no more. */
  failed(error: unknown): void {
    if (!(error instanceof GarrisonError) || error.code !== 'UNAVAILABLE' || error.place === 'ca.keys') return;
    // At the end nothing is begun any more: that says nothing about the ledger.
    if (this.#stop.signal.aborted) return;
    this.#logger.error('the ledger cannot be written', { error });
    if (this.#probing !== undefined) return;
    const clear = this.#readiness.pending(`ledger: ${error.message}`);
    this.#probing = this.#probe(clear);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#probing, this.#watching]);
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await this.#clock.sleep(watchMs, signal);
      if (signal.aborted) return;
      // While it is known to be away, `#probe` asks.
      if (this.#probing !== undefined) continue;
      try {
        await this.#ledger.check();
      } catch (error) {
        this.failed(error);
      }
    }
  }

  async #probe(clear: () => void): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await this.#clock.sleep(probeMs, signal);
      if (signal.aborted) return;
      if (await this.#canBeWritten()) break;
    }
    clear();
    this.#probing = undefined;
    this.#logger.info('the ledger can be written again');
  }

  async #canBeWritten(): Promise<boolean> {
    try {
      await this.#ledger.check();
      return true;
    } catch {
      // Why not has been said.
      return false;
    }
  }
}
