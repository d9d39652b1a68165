import type { Clock } from '#runtime/clock.ts';
import { backoff } from '#services/keys/freshness.ts';

const failuresToOpen = 5;
const longestPauseMs = 10_000;

/** Spares callers the wait for a provider that is dead, and a provider that is coming back the crowd. */
export class Circuit {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #random: () => number;
  #failures = 0;
  #closedAtMs = -Infinity;
  #probing = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  get open(): boolean {
    return this.#failures >= failuresToOpen;
  }

  /** Whether to ask. While open, one question at a time finds out whether the provider is back. */
  enter(): boolean {
    if (!this.open) return true;
    if (this.#probing || this.#clock.monotonicMs() < this.#closedAtMs) return false;
    this.#probing = true;
    return true;
  }

  answered(): void {
    this.#failures = 0;
    this.#probing = false;
  }

  /** The question turned out to be none. */
  notAsked(): void {
    this.#probing = false;
  }

  failed(): void {
    this.#probing = false;
    this.#failures += 1;
    if (this.open) {
      const pause = backoff(this.#failures - failuresToOpen + 1, this.#random, longestPauseMs);
      this.#closedAtMs = this.#clock.monotonicMs() + pause;
    }
  }
}
