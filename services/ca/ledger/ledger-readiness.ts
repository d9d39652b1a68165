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
    if (!(error instanceof GarrisonError) || error.code !== 'UNAVAILABLE' || error.place === 'ca.keys') return;
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
