import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/**
 * Brings SQLite's write-ahead log to the disk, as `synchronous = FULL` does within COMMIT, but without holding up the
 * event loop. With `synchronous = NORMAL` SQLite itself still syncs around checkpoints, so that the file is whole at any
 * moment; what a commit needs to survive a power cut is then this one sync of the log. Where there is no such log, or it
 * cannot be opened, SQLite goes on doing it.
 */
export class LogSync {
  readonly #descriptor: number | undefined;

  constructor(database: DatabaseSync) {
    this.#descriptor = openLog(database);
    if (this.#descriptor !== undefined) database.exec('PRAGMA synchronous = NORMAL');
  }

  syncNow(): void {
    if (this.#descriptor !== undefined) fdatasyncSync(this.#descriptor);
  }

  sync(): Promise<void> {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      fdatasync(descriptor, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }
}

/** The log is the same file for as long as the database is open. */
function openLog(database: DatabaseSync): number | undefined {
  const file = database.location();
  const mode = database.prepare('PRAGMA journal_mode').get()?.['journal_mode'];
  if (file === null || mode !== 'wal') return undefined;
  try {
    return openSync(`${file}-wal`, 'r');
  } catch {
    return undefined;
  }
}
