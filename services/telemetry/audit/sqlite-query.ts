import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuditPage, AuditQuery, StoredRecord } from './audit-store.ts';
import { recordConditions } from './sqlite-conditions.ts';

/** Numbers that one statement looks through: reports get their turn between two. */
const slice = 20_000;

interface Range {
  readonly first: number;
  readonly last: number;
}

/** Walks from the newest record to the oldest, a slice at a time, until the page is full. */
export async function readPage(database: DatabaseSync, query: AuditQuery): Promise<AuditPage> {
  const range = rangeOf(database, query);
  if (range === undefined) return { records: [], next: undefined };
  const conditions = recordConditions(query);
  const time = [query.sinceMs ?? -Number.MAX_SAFE_INTEGER, query.untilMs ?? Number.MAX_SAFE_INTEGER];
  const statement = database.prepare(
    `SELECT sequence, body FROM records
     WHERE ${['sequence BETWEEN ? AND ?', 'time BETWEEN ? AND ?', ...conditions.map(({ sql }) => sql)].join(' AND ')}
     ORDER BY sequence DESC LIMIT ?`,
  );
  const values = conditions.flatMap((condition) => condition.values);
  const records: StoredRecord[] = [];
  const wanted = query.limit + 1;
  for (let last = range.last; last >= range.first && records.length < wanted; last -= slice) {
    const first = Math.max(range.first, last - slice + 1);
    const rows = statement.all(first, last, ...time, ...values, wanted - records.length);
    for (const row of rows) records.push({ sequence: row['sequence'] as number, body: row['body'] as string });
    if (first > range.first) await nextTurn();
  }
  const page = records.slice(0, query.limit);
  return { records: page, next: records.length > query.limit ? page.at(-1)?.sequence : undefined };
}

/** The numbers among which the answer lies: by the index over time, and by the page before. */
function rangeOf(database: DatabaseSync, query: AuditQuery): Range | undefined {
  const timed = query.sinceMs !== undefined || query.untilMs !== undefined;
  const row = timed
    ? database
        .prepare('SELECT min(sequence) AS first, max(sequence) AS last FROM records WHERE time BETWEEN ? AND ?')
        .get(query.sinceMs ?? -Number.MAX_SAFE_INTEGER, query.untilMs ?? Number.MAX_SAFE_INTEGER)
    : database
        .prepare('SELECT (SELECT min(sequence) FROM records) AS first, (SELECT max(sequence) FROM records) AS last')
        .get();
  const first = row?.['first'];
  const last = row?.['last'];
  if (typeof first !== 'number' || typeof last !== 'number') return undefined;
  return { first, last: Math.min(last, (query.before ?? Infinity) - 1) };
}
