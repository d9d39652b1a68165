import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuditEntry } from './audit-record.ts';
import type { AuditPage, AuditQuery, AuditStore, CallStats, StatsQuery, StoredRecord } from './audit-store.ts';
import { CallCounter } from './call-counter.ts';
import { GroupCommit } from './group-commit.ts';
import { readPage } from './sqlite-query.ts';
import { prepareAuditSchema } from './sqlite-schema.ts';
import { readCalls } from './sqlite-stats.ts';

export interface SqliteAuditOptions {
  /** Opened in WAL mode with `synchronous = FULL`; closed by this store. */
  readonly database: DatabaseSync;
  /** What messages call the database: its path. */
  readonly place: string;
  readonly maxQueued?: number;
}

/** Records that may be deleted in one transaction without holding up reports. */
const pruneSlice = 2_000;

/** Records on disk. A commit syncs, and everyone who waits shares it. */
export class SqliteAuditStore implements AuditStore {
  readonly #database: DatabaseSync;
  readonly #place: string;
  readonly #group: GroupCommit<AuditEntry>;
  readonly #insert: StatementSync;
  readonly #readLast: StatementSync;
  readonly #writeLast: StatementSync;
  readonly #calls: CallCounter;
  #closed = false;

  constructor({ database, place, maxQueued = 50_000 }: SqliteAuditOptions) {
    this.#database = database;
    this.#place = place;
    // A decision's id is random, so each record touches an index page of its own: kept in memory, and written back to the
    // main file seldom. Durability is the log's and does not change.
    database.exec('PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 4000');
    prepareAuditSchema(database, place);
    this.#insert = database.prepare(`INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#readLast = database.prepare(`SELECT value FROM marks WHERE name = 'last'`);
    this.#writeLast = database.prepare(`UPDATE marks SET value = ? WHERE name = 'last'`);
    this.#calls = new CallCounter(database);
    this.#group = new GroupCommit({
      commit: (batch) => this.#write(batch),
      maxBatch: 1_000,
      maxQueued,
      schedule: (run) => setImmediate(run),
    });
  }

  append(entries: readonly AuditEntry[]): Promise<void> {
    return entries.length === 0 ? Promise.resolve() : this.#group.add(entries);
  }

  get(sequence: number): Promise<StoredRecord | undefined> {
    const row = this.#database.prepare('SELECT body FROM records WHERE sequence = ?').get(sequence);
    return Promise.resolve(row === undefined ? undefined : { sequence, body: row['body'] as string });
  }

  query(query: AuditQuery): Promise<AuditPage> {
    return readPage(this.#database, query);
  }

  async stats(query: StatsQuery): Promise<readonly CallStats[]> {
    return Promise.resolve(readCalls(this.#database, query));
  }

  async prune(receivedBeforeMs: number): Promise<number> {
    let forgotten = 0;
    for (;;) {
      const deleted = this.#closed ? 0 : this.#pruneSlice(receivedBeforeMs);
      forgotten += deleted;
      if (deleted < pruneSlice) return forgotten;
      await nextTurn();
    }
  }

  // `async` turns what the transaction throws into a rejection.
  async probe(): Promise<void> {
    this.#transaction(() => this.#database.exec(`UPDATE marks SET value = value + 1 WHERE name = 'probe'`));
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    await this.#group.drained();
    this.#closed = true;
    this.#database.close();
  }

  #write(batch: readonly AuditEntry[]): void {
    this.#transaction(() => {
      // Read each time: another process may write to the same database.
      let last = Number(this.#readLast.get()?.['value'] ?? 0);
      for (const entry of batch) this.#insertOne(++last, entry);
      this.#calls.add(batch);
      this.#writeLast.run(last);
    });
  }

  #insertOne(sequence: number, { record, body, timeMs, receivedMs }: AuditEntry): void {
    this.#insert.run(
      sequence,
      timeMs,
      receivedMs,
      record.decision ?? null,
      record.principal ?? null,
      record.source.namespace ?? null,
      record.source.workload ?? null,
      record.destination.namespace ?? null,
      record.destination.workload ?? null,
      record.effect,
      record.policy ?? null,
      record.revision ?? null,
      body,
    );
  }

  #pruneSlice(receivedBeforeMs: number): number {
    return this.#transaction(() => {
      this.#calls.prune(receivedBeforeMs);
      // Only a prefix goes: what is left of the log has no holes, even after the clock was set back for a while.
      const { changes } = this.#database
        .prepare(
          `DELETE FROM records WHERE sequence IN (SELECT sequence FROM records WHERE sequence < coalesce(
             (SELECT min(sequence) FROM records WHERE received >= ?), 9223372036854775807)
           ORDER BY sequence LIMIT ?)`,
        )
        .run(receivedBeforeMs, pruneSlice);
      return Number(changes);
    });
  }

  #transaction<T>(work: () => T): T {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      this.#rollBack();
      const why = (error as Partial<Error>).message ?? String(error);
      throw new GarrisonError('UNAVAILABLE', `audit database cannot be written: ${why}`, {
        place: this.#place,
        remedy: 'free space on its disk and see that the file can be written, then send the report again',
        cause: error,
      });
    }
  }

  #rollBack(): void {
    // SQLite has already rolled back after a full disk or an I/O error.
    if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }
}
