/** What must have happened before a process may be called ready, by name. */
export class Readiness {
  readonly #pending = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #troubles: (() => string | undefined)[] = [];

  /** Names a task that is not done; call what comes back when it is. */
  pending(task: string): () => void {
    this.#pending.add(task);
    return () => {
      this.#pending.delete(task);
      if (this.#pending.size === 0) for (const listener of this.#listeners) listener();
    };
  }

  /** Not ready, either, while this says why. It is asked whenever somebody asks us; the start does not wait for it. */
  unless(trouble: () => string | undefined): void {
    this.#troubles.push(trouble);
  }

  get missing(): readonly string[] {
    return [...this.#pending, ...this.#troubles.map((trouble) => trouble()).filter((why) => why !== undefined)];
  }

  /** Resolves as soon as no task is left. */
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
