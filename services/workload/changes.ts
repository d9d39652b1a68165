interface Waiting {
  readonly seen: number;
  readonly wake: () => void;
}

/** How many go on in one turn of the event loop: with ten thousand waiting, calls of others get their turns in between. */
const batch = 32;

/** Something that many wait for: a number that grows, and a promise of the next growth. */
export class Changes {
  #version = 0;
  #waiting = new Set<Waiting>();
  #due = new Set<Waiting>();
  #waking = false;

  get version(): number {
    return this.#version;
  }

  bump(): void {
    this.#version += 1;
    if (this.#due.size === 0) [this.#due, this.#waiting] = [this.#waiting, this.#due];
    else {
      for (const one of this.#waiting) this.#due.add(one);
      this.#waiting.clear();
    }
    this.#wakeSome();
  }

  /** Resolves once the version is beyond `seen`, in its turn, or when the signal aborts. */
  after(seen: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(one);
        this.#due.delete(one);
        resolve();
      };
      const one: Waiting = { seen, wake };
      signal.addEventListener('abort', wake, { once: true });
      if (this.#version === seen) {
        this.#waiting.add(one);
        return;
      }
      this.#due.add(one);
      this.#wakeSome();
    });
  }

  #wakeSome(): void {
    if (this.#waking || this.#due.size === 0) return;
    this.#waking = true;
    setImmediate(() => {
      this.#waking = false;
      let woken = 0;
      for (const { wake } of this.#due) {
        wake();
        if ((woken += 1) === batch) break;
      }
      this.#wakeSome();
    });
  }
}
