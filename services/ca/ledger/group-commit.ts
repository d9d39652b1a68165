import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { GarrisonError } from '#proto/errors/index.ts';
import type { LogSync } from './log-sync.ts';

interface Pending {
  readonly work: () => unknown;
  /** Several statements: undone together where one of them fails. A single one undoes itself. */
  readonly several: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * All writes that arrive while one transaction is on its way to the disk go into the next: under load a hundred records
 * cost one sync, intents of some certificates beside the outcomes of others. A write's promise settles only after the
 * sync, so that what it says is on the disk; the event loop does not wait for that meanwhile.
 */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #log: Pick<LogSync, 'sync' | 'syncNow'>;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #queue: Pending[] = [];
  #running: Promise<void> | undefined;
  #flushing: Promise<void> | undefined;
  /** What the disk said once and for all. */
  #broken: GarrisonError | undefined;

  constructor(database: DatabaseSync, log: Pick<LogSync, 'sync' | 'syncNow'>) {
    this.#database = database;
    this.#log = log;
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
  }

  /** `work` runs synchronously inside the transaction; if it throws, only its own changes are undone. */
  run<T>(work: () => T, { several = false } = {}): Promise<T> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ work, several, resolve: resolve as (value: unknown) => void, reject });
      this.#running ??= new Promise<void>((next) => setImmediate(next)).then(() => this.#drain());
    });
  }

  /** When all that a reader could have seen by now is on the disk, whatever is asked for meanwhile. */
  async synced(): Promise<void> {
    await this.#flushing;
  }

  /** When all that was asked for is settled. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const queue = this.#queue;
      this.#queue = [];
      this.#flushing = this.#flush(queue);
      await this.#flushing;
    }
    this.#running = undefined;
  }

  async #flush(queue: readonly Pending[]): Promise<void> {
    let settle: (() => void)[];
    try {
      this.#begin.run();
      settle = queue.map((pending) => this.#attempt(pending));
      this.#commit.run();
    } catch (cause) {
      this.#rollBack();
      for (const { reject } of queue) reject(unavailable(cause));
      return;
    }
    try {
      // One record alone is on the disk sooner when nobody else has to be asked to see to it.
      if (queue.length === 1) this.#log.syncNow();
      else await this.#log.sync();
    } catch (cause) {
      // After a sync that failed nobody knows which pages the kernel still holds: trying again would prove nothing.
      this.#broken = lost(cause);
      for (const { reject } of [...queue, ...this.#queue.splice(0)]) reject(this.#broken);
      return;
    }
    for (const settled of settle) settled();
  }

  #attempt({ work, several, resolve, reject }: Pending): () => void {
    if (several) this.#database.exec('SAVEPOINT item');
    try {
      const value = work();
      if (several) this.#database.exec('RELEASE item');
      return () => resolve(value);
    } catch (error) {
      // A full disk may have ended the whole transaction; then the caller gives up on all of them.
      if (!this.#database.isTransaction) throw error;
      if (several) this.#database.exec('ROLLBACK TO item; RELEASE item');
      const known = error instanceof GarrisonError ? error : unavailable(error);
      return () => reject(known);
    }
  }

  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    } catch {
      // The database is gone.
    }
  }
}

function unavailable(cause: unknown): GarrisonError {
  return new GarrisonError('UNAVAILABLE', 'the ledger cannot be written', {
    remedy: 'look at the disk of the state folder; nothing is signed until it can be written again',
    cause,
  });
}

function lost(cause: unknown): GarrisonError {
  return new GarrisonError('UNAVAILABLE', 'the disk did not keep what was written to the ledger', {
    remedy: 'look at the disk of the state folder, then start garrison again; until then nothing is signed',
    cause,
  });
}
