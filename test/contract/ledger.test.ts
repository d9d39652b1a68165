import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { openDatabase } from '#runtime/database.ts';
import { MemoryLedger } from '#services/ca/ledger/memory-ledger.ts';
import { SqliteLedger } from '#services/ca/ledger/sqlite-ledger.ts';
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
