/** What must have happened before a process may be called ready, by name. */
export class Readiness {
  readonly #pending = new Set<string>();
  readonly #listeners = new Set<() => void>();

  /** Names a task that is not done; call what comes back when it is. */
  pending(task: string): () => void {
    this.#pending.add(task);
    return () => {
      this.#pending.delete(task);
      if (this.#pending.size === 0) for (const listener of this.#listeners) listener();
    };
  }

  get missing(): readonly string[] {
    return [...this.#pending];
  }

  /** Resolves as soon as nothing is missing. */
  async ready(): Promise<void> {
    while (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#listeners.delete(done);
          resolve();
        };
        this.#listeners.add(done);
      });
    }
  }
}
