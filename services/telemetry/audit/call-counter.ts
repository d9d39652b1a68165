import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AuditEntry } from './audit-record.ts';
import { callOf, isCall } from './call-stats.ts';
import { minuteOf } from './conditions.ts';

type Row = [number, string, string, string, string, string, string, string, string, number];

/** Keeps the counts by minute: one statement for each distinct call of a batch, however many records say the same. */
export class CallCounter {
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync) {
    this.#upsert = database.prepare(
      `INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`,
    );
    this.#delete = database.prepare('DELETE FROM calls WHERE minute < ?');
  }

  /** Within the caller's transaction. */
  add(batch: readonly AuditEntry[]): void {
    const counts = new Map<string, { row: Row; count: number }>();
    for (const entry of batch) {
      if (!isCall(entry.record)) continue;
      const row = rowOf(entry);
      const key = row.join('\0');
      const seen = counts.get(key);
      if (seen === undefined) counts.set(key, { row, count: 1 });
      else seen.count++;
    }
    for (const { row, count } of counts.values()) this.#upsert.run(...row, count);
  }

  /** Within the caller's transaction. */
  prune(receivedBeforeMs: number): void {
    this.#delete.run(minuteOf(receivedBeforeMs));
  }
}

function rowOf({ record, receivedMs }: AuditEntry): Row {
  const call = callOf(record);
  return [
    minuteOf(receivedMs),
    record.reporter.kind,
    call.principal,
    call.sourceNamespace,
    call.sourceWorkload,
    call.destinationNamespace,
    call.destinationWorkload,
    call.effect,
    call.policy,
    call.failOpen ? 1 : 0,
  ];
}
