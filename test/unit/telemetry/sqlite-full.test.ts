import { DatabaseSync } from 'node:sqlite';
import { expect, test } from '@jest/globals';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuditEntry } from '#services/telemetry/audit/audit-record.ts';
import { recordOf } from '#services/telemetry/audit/record-of.ts';
import { SqliteAuditStore } from '#services/telemetry/audit/sqlite-store.ts';
import { readAction } from '#services/telemetry/report/action.ts';
import { reportBag } from '#test/fakes/report-bag.ts';

function entries(count: number): AuditEntry[] {
  const bag = reportBag({ filler: 'x'.repeat(2000) });
  return Array.from({ length: count }, () => recordOf(readAction(bag), bag, { receivedMs: 0, reporter: undefined }));
}

test('a full disk costs nothing that was acknowledged, and writing goes on when there is room', async () => {
  const database = new DatabaseSync(':memory:');
  await using store = new SqliteAuditStore({ database, place: 'audit.db' });
  // SQLite's own limit on pages fails as a full disk does: SQLITE_FULL.
  database.exec('PRAGMA max_page_count = 100');
  let acknowledged = 0;
  const failure = await (async () => {
    for (;;) {
      await store.append(entries(10));
      acknowledged += 10;
    }
  })().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(GarrisonError);
  expect((failure as GarrisonError).message).toBe('audit database cannot be written: database or disk is full');
  expect(failure).toMatchObject({
    code: 'UNAVAILABLE',
    place: 'audit.db',
    remedy: expect.stringContaining('free space'),
  });
  expect((await store.query({ limit: 1000 })).records).toHaveLength(acknowledged);
  expect(await store.stats({ reporter: 'all' })).toMatchObject([{ allowed: acknowledged }]);
  database.exec('PRAGMA max_page_count = 100000');
  await store.probe();
  await store.append(entries(10));
  expect((await store.query({ limit: 1 })).records[0]?.sequence).toBe(acknowledged + 10);
});
