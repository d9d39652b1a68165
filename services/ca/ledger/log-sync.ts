import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/**
 * Brings SQLite's write-ahead log to the disk, as `synchronous = FULL` does within COMMIT, but without holding up the
 * event loop. With `synchronous = NORMAL` SQLite itself still syncs around checkpoints, so that the file is whole at any
 * moment; what a commit needs to survive a power cut is then this one sync of the log.
 */
export class LogSync {
  readonly #file: string | undefined;
  #descriptor: number | undefined;

  constructor(database: DatabaseSync) {
    const file = database.location();
    this.#file = file === null ? undefined : `${file}-wal`;
    if (this.#file !== undefined) database.exec('PRAGMA synchronous = NORMAL');
  }

  syncNow(): void {
    const descriptor = this.#open();
    if (descriptor !== undefined) fdatasyncSync(descriptor);
  }

  sync(): Promise<void> {
    const descriptor = this.#open();
    if (descriptor === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      fdatasync(descriptor, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  /** The log exists from the first transaction on, and is the same file for as long as the database is open. */
  #open(): number | undefined {
    if (this.#file === undefined) return undefined;
    this.#descriptor ??= openSync(this.#file, 'r');
    return this.#descriptor;
  }
}
