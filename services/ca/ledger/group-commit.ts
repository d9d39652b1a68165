import type { DatabaseSync } from 'node:sqlite';
import { GarrisonError } from '#proto/errors/index.ts';

interface Pending {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Puts all writes that arrive in one turn of the event loop into one transaction: under load a hundred records cost one
 * sync of the disk. A write's promise settles only after the commit, so that what it says is on the disk.
 */
export class GroupCommit {
  readonly #database: DatabaseSync;
  #queue: Pending[] = [];
  #scheduled = false;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** `work` runs synchronously inside the transaction; if it throws, only its own changes are undone. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, resolve: resolve as (value: unknown) => void, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.flush());
    });
  }

  flush(): void {
    this.#scheduled = false;
    const queue = this.#queue;
    this.#queue = [];
    if (queue.length === 0) return;
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const settle = queue.map((pending) => this.#attempt(pending));
      this.#database.exec('COMMIT');
      for (const settled of settle) settled();
    } catch (cause) {
      const error = this.#abandoned(cause);
      for (const pending of queue) pending.reject(error);
    }
  }

  #attempt({ work, resolve, reject }: Pending): () => void {
    this.#database.exec('SAVEPOINT item');
    try {
      const value = work();
      this.#database.exec('RELEASE item');
      return () => resolve(value);
    } catch (error) {
      // A full disk may have ended the whole transaction; then this throws and the caller gives up on all of them.
      this.#database.exec('ROLLBACK TO item; RELEASE item');
      const known = error instanceof GarrisonError ? error : unavailable(error);
      return () => reject(known);
    }
  }

  #abandoned(cause: unknown): GarrisonError {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself, or the database is gone.
    }
    return unavailable(cause);
  }
}

function unavailable(cause: unknown): GarrisonError {
  return new GarrisonError('UNAVAILABLE', 'the ledger cannot be written', {
    remedy: 'look at the disk of the state folder; nothing is signed until it can be written again',
    cause,
  });
}
