import type { Clock } from '#runtime/clock.ts';

/** How it stands between this node and the authority: for the admin port. */
export class AuthorityState {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #connectedSince: Date | undefined;
  #heard: Date | undefined;
  #problem: string | undefined;
  #problems = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get connected(): boolean {
    return this.#connectedSince !== undefined;
  }

  /** How often the stream broke or could not be opened, since the start. */
  get problems(): number {
    return this.#problems;
  }

  heard(): void {
    const now = this.#clock.now();
    this.#connectedSince ??= now;
    this.#heard = now;
    this.#problem = undefined;
    this.#tell();
  }

  lost(problem: string): void {
    this.#connectedSince = undefined;
    this.#problem = problem;
    this.#problems += 1;
    this.#tell();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  describe(): Record<string, unknown> {
    return {
      connected: this.connected,
      since: this.#connectedSince ?? null,
      heard: this.#heard ?? null,
      problem: this.#problem ?? null,
    };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
