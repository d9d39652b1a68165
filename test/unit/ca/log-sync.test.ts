import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from '@jest/globals';
import { openDatabase } from '#runtime/database.ts';
import { LogSync } from '#services/ca/ledger/log-sync.ts';

const folder = mkdtempSync(join(tmpdir(), 'gls-'));
afterAll(() => rmSync(folder, { recursive: true }));

const levelOf = (database: DatabaseSync): unknown => database.prepare('PRAGMA synchronous').get()?.['synchronous'];
const full = 2;
const normal = 1;

test('takes the sync of the log over from SQLite', async () => {
  const database = openDatabase(join(folder, 'a.db'), { durable: true });
  expect(levelOf(database)).toBe(full);
  const log = new LogSync(database);
  expect(levelOf(database)).toBe(normal);
  database.exec('CREATE TABLE t (a)');
  log.syncNow();
  await log.sync();
  log.close();
  database.close();
});

test('leaves it to SQLite where there is no log', async () => {
  const database = new DatabaseSync(join(folder, 'b.db'));
  const log = new LogSync(database);
  expect(levelOf(database)).toBe(full);
  await log.sync();
  log.close();
  database.close();
});
