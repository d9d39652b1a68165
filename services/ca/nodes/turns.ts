/** So many at once and no more; the others in the order in which they came. */
export class Turns {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #under = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    // Who goes hands its place to who waits longest, so that nobody who comes in between takes it.
    if (this.#under >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#under += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#under -= 1;
      else next();
    }
  }
}
