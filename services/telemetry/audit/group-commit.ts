import { GarrisonError } from '#proto/errors/index.ts';

export interface GroupCommitOptions<T> {
  /** Writes the whole batch durably or throws and has written nothing. */
  readonly commit: (batch: readonly T[]) => void;
  /** Most items of one commit; one caller's items are never split. */
  readonly maxBatch: number;
  /** Most items that may wait. */
  readonly maxQueued: number;
  /** Calls back when whoever is about to add has had its turn. */
  readonly schedule: (run: () => void) => void;
}

interface Waiting<T> {
  readonly items: readonly T[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Lets everyone who asks in one turn of the event loop share one commit, and with it one sync of the disk. */
export class GroupCommit<T> {
  readonly #options: GroupCommitOptions<T>;
  #waiting: Waiting<T>[] = [];
  #queued = 0;
  #scheduled = false;
  readonly #onIdle: (() => void)[] = [];

  constructor(options: GroupCommitOptions<T>) {
    this.#options = options;
  }

  add(items: readonly T[]): Promise<void> {
    if (this.#queued > 0 && this.#queued + items.length > this.#options.maxQueued) {
      return Promise.reject(
        new GarrisonError('RESOURCE_EXHAUSTED', `${this.#queued} records already wait to be written`, {
          remedy: 'send the report again a little later',
        }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject });
      this.#queued += items.length;
      this.#wake();
    });
  }

  /** Resolves once nothing waits. */
  drained(): Promise<void> {
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.schedule(() => {
      this.#scheduled = false;
      this.#run();
      if (this.#waiting.length > 0) this.#wake();
      else for (const resolve of this.#onIdle.splice(0)) resolve();
    });
  }

  #run(): void {
    const batch = this.#take();
    if (batch.length === 0) return;
    try {
      this.#options.commit(batch.flatMap((one) => one.items));
    } catch (error) {
      for (const one of batch) one.reject(error);
      return;
    }
    for (const one of batch) one.resolve();
  }

  #take(): Waiting<T>[] {
    let size = 0;
    let end = 0;
    for (const one of this.#waiting) {
      if (end > 0 && size + one.items.length > this.#options.maxBatch) break;
      size += one.items.length;
      end++;
    }
    this.#queued -= size;
    return this.#waiting.splice(0, end);
  }
}
