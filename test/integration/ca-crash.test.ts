import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from '@jest/globals';
import { readCertificate } from '#ca/certificate/read-certificate.ts';
import { writeRequest } from '#ca/csr/write-request.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { openDatabase } from '#runtime/database.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { SqliteLedger } from '#services/ca/ledger/sqlite-ledger.ts';
import { killFromOutside } from '#test/fakes/kill-from-outside.ts';
import { newSigner } from '#test/fakes/test-authority.ts';

const folder = mkdtempSync(join(tmpdir(), 'gcr-'));
afterAll(() => rmSync(folder, { recursive: true }));
const config = join(folder, 'garrison.yaml');
writeFileSync(config, 'state: ./state\nlogLevel: silent\nca: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }\n');

const lives = 8;
const inFlight = 32;

async function startCa(): Promise<ChildProcess> {
  const args = [join(import.meta.dirname, '../../cli/main.ts'), 'ca', '--config', config, '--output', 'json'];
  const environment = { ...process.env, NODE_OPTIONS: '' };
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: environment });
  for await (const line of createInterface(child.stdout)) if (line.includes('"ready":true')) return child;
  throw new Error('the CA ended before it was ready');
}

/** Asks for certificates without pause until the CA is gone; what came back. */
async function mintUntilGone(received: Set<string>, enough: () => void): Promise<void> {
  const client = grpcClient(IdentityAdminClient, { path: join(folder, 'state', adminSocket) }, { kind: 'plaintext' });
  const csr = Buffer.from(await writeRequest(newSigner()));
  const spiffeId = 'spiffe://cluster.local/ns/a/sa/b';
  const worker = async (): Promise<void> => {
    for (;;) {
      const minted = await callUnary(client.mint.bind(client), { spiffeId, dnsNames: [], ttlSeconds: 0, csr });
      received.add(Buffer.from(minted.chain[0] ?? []).toString('base64'));
      enough();
    }
  };
  await Promise.allSettled(Array.from({ length: inFlight }, worker));
  client.close();
}

test(`after kill -9 in ${lives} lives every certificate that left is in the ledger, and nothing that was not intended`, async () => {
  const received = new Set<string>();
  for (let life = 0; life < lives; life += 1) {
    const child = await startCa();
    const goal = received.size + 40 + Math.floor(Math.random() * 400);
    const ended = once(child, 'exit');
    await mintUntilGone(received, () => {
      if (received.size === goal) killFromOutside(child, Math.random() * 60);
    });
    await ended;
  }
  const last = await startCa();
  const ended = once(last, 'exit');
  last.kill('SIGTERM');
  await ended;

  await using ledger = new SqliteLedger(openDatabase(join(folder, 'state/ca/ledger.db'), { durable: true }));
  expect(received.size).toBeGreaterThan(lives * 40);
  for (const der of received) {
    const { serial } = readCertificate(Buffer.from(der, 'base64')).tbs;
    const entry = await ledger.find(Buffer.from(serial).toString('hex').padStart(40, '0') as SerialHex);
    expect(entry?.state).toBe('issued');
    expect(Buffer.from(entry?.certificate ?? []).toString('base64')).toBe(der);
  }
  const all = await ledger.list({ limit: 1_000_000 });
  expect(all.filter(({ state }) => state === 'intended')).toEqual([]);
  expect(new Set(all.map(({ serial }) => serial)).size).toBe(all.length);
  // What was under way at each death: at most what was in flight, each of them known as an intent.
  const unknown = all.filter(({ state }) => state === 'unknown').length;
  expect(unknown).toBeLessThanOrEqual(lives * inFlight);
  process.stderr.write(
    `${lives} deaths: ${received.size} certificates left, ${all.length} on the record, ${unknown} of unknown outcome\n`,
  );
}, 120_000);
