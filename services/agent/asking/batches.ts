interface Waiting<T, R> {
  readonly item: T;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface BatchOptions<T, R> {
  /** Answers in the order of the items, or rejects for all of them. */
  readonly send: (items: readonly T[]) => Promise<readonly R[]>;
  readonly maxItems: number;
  /** How many may be under way at once; what comes meanwhile makes the next ones fuller. */
  readonly maxInFlight: number;
}

/** What many ask for at the same time goes in one request: one round trip, and one wait for the authority's disk. */
export class Batches<T, R> {
  readonly #options: BatchOptions<T, R>;
  #waiting: Waiting<T, R>[] = [];
  #inFlight = 0;
  #scheduled = false;

  constructor(options: BatchOptions<T, R>) {
    this.#options = options;
  }

  ask(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  /** After this turn of the event loop, so that all who ask in it go together. */
  #schedule(): void {
    const { maxInFlight } = this.#options;
    if (this.#scheduled || this.#waiting.length === 0 || this.#inFlight >= maxInFlight) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
      this.#schedule();
    });
  }

  async #flush(): Promise<void> {
    const batch = this.#waiting.splice(0, this.#options.maxItems);
    if (batch.length === 0) return;
    this.#inFlight += 1;
    try {
      const results = await this.#options.send(batch.map(({ item }) => item));
      for (const [at, { resolve, reject }] of batch.entries()) {
        const result = results[at];
        if (result === undefined) reject(new Error(`${results.length} answers to ${batch.length} requests`));
        else resolve(result);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#inFlight -= 1;
      this.#schedule();
    }
  }
}
