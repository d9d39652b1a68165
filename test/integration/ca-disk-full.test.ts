import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { writeRequest } from '#ca/csr/write-request.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { openDatabase } from '#runtime/database.ts';
import { SqliteLedger } from '#services/ca/ledger/sqlite-ledger.ts';
import { CaProcess } from '#test/fakes/ca-process.ts';
import { newSigner } from '#test/fakes/test-authority.ts';

const folder = mkdtempSync(join(tmpdir(), 'gdf-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('on a full disk nothing is signed that is not recorded, /readyz says why, and with room it goes on by itself', async () => {
  const order = {
    spiffeId: 'spiffe://cluster.local/ns/a/sa/b',
    dnsNames: [],
    ttlSeconds: 0,
    csr: Buffer.from(await writeRequest(newSigner())),
  };
  const received = new Map<string, Uint8Array>();
  const refused: unknown[] = [];
  {
    await using ca = await CaProcess.start({ folder, fileLimitKiB: 1500 });
    const admin = ca.admin();
    const mint = async (): Promise<void> => {
      const { serial, chain } = await callUnary(admin.mint.bind(admin), order);
      received.set(serial, chain[0] ?? new Uint8Array());
    };
    const worker = async (): Promise<void> => {
      while (refused.length === 0) await mint().catch((error: unknown) => refused.push(error));
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    for (const error of refused) expect(error).toMatchObject({ code: 'UNAVAILABLE' });
    // One record alone may still fit where sixteen did not.
    refused.length = 0;
    while (refused.length === 0) await mint().catch((error: unknown) => refused.push(error));
    expect(refused[0]).toMatchObject({ code: 'UNAVAILABLE' });
    const { status, text } = await ca.page('/readyz');
    expect(status).toBe(503);
    expect(text).toContain('the ledger cannot be written');

    execFileSync('prlimit', ['--pid', String(ca.child.pid), '--fsize=unlimited']);
    while ((await ca.page('/readyz')).status !== 200) await new Promise((next) => setTimeout(next, 50));
    await mint();
    admin.close();
  }
  await using ledger = new SqliteLedger(openDatabase(join(folder, 'state/ca/ledger.db'), { durable: true }));
  expect(received.size).toBeGreaterThan(50);
  for (const [serial, der] of received) {
    const entry = await ledger.find(serial as SerialHex);
    expect(entry?.state).toBe('issued');
    expect(Buffer.compare(entry?.certificate ?? Buffer.alloc(0), der)).toBe(0);
  }
}, 60_000);
