import { GarrisonError } from '#proto/errors/index.ts';

/**
 * What is being signed. A caller who leaves, or a server that waits no longer, ends no signature: at the end of the process
 * whatever was intended is concluded before keys and ledger close, and nothing new is begun.
 */
export class Underway implements AsyncDisposable {
  readonly #running = new Set<Promise<unknown>>();
  #ending = false;

  async run<T>(begin: () => Promise<T>): Promise<T> {
    if (this.#ending) {
      throw new GarrisonError('UNAVAILABLE', 'the authority is ending', { remedy: 'ask again: it, or another one' });
    }
    const work = begin();
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    await Promise.allSettled(this.#running);
  }
}
