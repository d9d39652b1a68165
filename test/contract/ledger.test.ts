import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { openDatabase } from '#runtime/database.ts';
import { MemoryLedger } from '#services/ca/ledger/memory-ledger.ts';
import { SqliteLedger } from '#services/ca/ledger/sqlite-ledger.ts';
import { ledgerSteps } from '#services/ca/ledger/sqlite-schema.ts';
import { anIntent, ledgerContract } from './ledger-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'garrison-ledger-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

function openSqlite(file = join(folder, `${(files += 1)}.db`)): SqliteLedger {
  return new SqliteLedger(openDatabase(file, { durable: true }));
}

ledgerContract('memory', () => new MemoryLedger());
ledgerContract('sqlite', () => openSqlite());

describe('sqlite', () => {
  test('remembers after it was closed', async () => {
    const file = join(folder, 'again.db');
    const intent = anIntent();
    {
      await using ledger = openSqlite(file);
      await ledger.intend(intent);
    }
    await using ledger = openSqlite(file);
    expect(await ledger.find(intent.serial)).toMatchObject({ ...intent, state: 'intended' });
  });

  test('a ledger of the first format is brought forward with all it holds', async () => {
    const database = openDatabase(join(folder, 'first.db'), { durable: true });
    database.exec(`${ledgerSteps[0]}; PRAGMA user_version = 1;
      INSERT INTO intents VALUES (1, x'${'01'.repeat(20)}', 'leaf', 'spiffe://td/a', '', 0, 10, x'ab', x'01', x'02', 'c', 'g', 0),
        (2, x'${'02'.repeat(20)}', 'leaf', 'spiffe://td/b', '', 0, 10, x'ab', x'01', x'02', 'c', 'g', 0);
      INSERT INTO outcomes VALUES (1, 'issued', x'07', NULL, 5), (2, 'failed', NULL, 'why', 6);
      INSERT INTO revocations VALUES (1, 'lost', 7)`);
    await using ledger = new SqliteLedger(database);
    const told = await ledger.entriesAfter(0, 10);
    expect(told.map(({ position, entry }) => [position, entry.number, entry.state, entry.reason])).toEqual([
      [1, 1, 'issued', undefined],
      [2, 2, 'failed', 'why'],
    ]);
    expect(await ledger.find(anIntent().serial)).toBeUndefined();
    expect((await ledger.revocationsAfter(0, 10))[0]).toMatchObject({ position: 1, entry: { revocation: 'lost' } });
    const version = database.prepare('PRAGMA user_version').get();
    expect(version).toEqual({ user_version: ledgerSteps.length });
  });

  test('a ledger of a later program is left alone, and what to do is said', () => {
    const database = openDatabase(join(folder, 'later.db'), { durable: true });
    database.exec('PRAGMA user_version = 99');
    expect(() => new SqliteLedger(database)).toThrow(/format 99 and this program knows/);
    expect(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()).toEqual({ n: 0 });
    database.close();
  });

  test('a ledger that cannot be written answers UNAVAILABLE and records nothing', async () => {
    const database = openDatabase(join(folder, 'full.db'), { durable: true });
    await using ledger = new SqliteLedger(database);
    const pages = Number(database.prepare('PRAGMA page_count').get()?.['page_count']);
    database.exec(`PRAGMA max_page_count = ${pages}`);
    const writes = Array.from({ length: 100 }, () => ledger.intend(anIntent()));
    const settled = await Promise.allSettled(writes);
    const refused = settled.filter((result) => result.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'UNAVAILABLE' });
    database.exec('PRAGMA max_page_count = 100000');
    expect(await ledger.list({ limit: 1000 })).toHaveLength(100 - refused.length);
    await ledger.intend(anIntent());
  });
});
