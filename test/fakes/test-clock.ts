import type { Clock } from '#runtime/clock.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/** Time that passes when a test says so. */
export class TestClock implements Clock {
  #now: number;
  readonly #sleepers = new Set<Sleeper>();
  #arrived = Promise.withResolvers<boolean>();

  constructor(start = '2030-01-01T00:00:00Z') {
    this.#now = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#now);
  }

  monotonicMs(): number {
    return this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { due: this.#now + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
      this.#arrived.resolve(true);
    });
  }

  /** Resolves once somebody sleeps. */
  async sleeping(): Promise<void> {
    while (this.#sleepers.size === 0) {
      this.#arrived = Promise.withResolvers();
      await this.#arrived.promise;
    }
  }

  /** Lets time pass, waking sleepers when they are due, until nothing is due any more. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      // What was woken has to come to rest before time goes on.
      for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
      const next = [...this.#sleepers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.due);
      next.wake();
    }
    this.#now = end;
  }
}
