import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { readCertificate } from '#ca/certificate/read-certificate.ts';
import { writeRequest } from '#ca/csr/write-request.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { openDatabase } from '#runtime/database.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { SqliteLedger } from '#services/ca/ledger/sqlite-ledger.ts';
import { Command, folderWith } from '#test/fakes/command.ts';
import { newSigner } from '#test/fakes/test-authority.ts';

const folder = folderWith({
  'garrison.yaml': 'state: ./state\nca: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }\n',
});
afterAll(() => rmSync(folder, { recursive: true }));
const socket = (): string => join(folder, 'state', adminSocket);
const open = (): IdentityAdminClient => grpcClient(IdentityAdminClient, { path: socket() }, { kind: 'plaintext' });
const spiffeId = 'spiffe://cluster.local/ns/a/sa/b';

interface Heard {
  readonly certificates: Set<string>;
  readonly failures: unknown[];
}

/** Asks for certificates, so many at once, until the first answer that is none. */
async function askUntilGone(
  client: IdentityAdminClient,
  heard: Heard,
  onOne: () => void,
  signal?: AbortSignal,
): Promise<void> {
  const csr = Buffer.from(await writeRequest(newSigner()));
  const worker = async (): Promise<void> => {
    for (;;) {
      const minted = await callUnary(
        client.mint.bind(client),
        { spiffeId, dnsNames: [], ttlSeconds: 0, csr },
        { signal },
      );
      heard.certificates.add(Buffer.from(minted.chain[0] ?? []).toString('base64'));
      onOne();
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: 64 }, worker));
  heard.failures.push(...ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])));
}

async function onTheRecord({ certificates }: Heard): Promise<void> {
  await using ledger = new SqliteLedger(openDatabase(join(folder, 'state/ca/ledger.db'), { durable: true }));
  for (const der of certificates) {
    const { serial } = readCertificate(Buffer.from(der, 'base64')).tbs;
    const entry = await ledger.find(Buffer.from(serial).toString('hex').padStart(40, '0') as SerialHex);
    expect(entry?.state).toBe('issued');
    expect(Buffer.from(entry?.certificate ?? []).toString('base64')).toBe(der);
  }
  const all = await ledger.list({ limit: 1_000_000 });
  expect(all.filter(({ state }) => state !== 'issued')).toEqual([]);
}

const aboveInfo = (stderr: string): unknown[] =>
  stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: string })
    .filter(({ level }) => level !== 'info');

test('requests under way at SIGTERM are answered or UNAVAILABLE, without an error in the log, and all of them are on the record', async () => {
  await using ca = new Command(['ca'], { cwd: folder });
  expect(await ca.line()).toBe('ready');
  const heard: Heard = { certificates: new Set(), failures: [] };
  const clients = [open(), open(), open()];
  const asking = clients.map((client) =>
    askUntilGone(client, heard, () => {
      if (heard.certificates.size === 500) ca.child.kill('SIGTERM');
    }),
  );
  await Promise.all(asking);
  const { code, stderr } = await ca.ended();
  for (const client of clients) client.close();
  expect(code).toBe(0);
  expect(heard.failures.map((error) => (error instanceof GarrisonError ? error.code : error))).toEqual(
    heard.failures.map(() => 'UNAVAILABLE'),
  );
  expect(aboveInfo(stderr)).toEqual([]);
  await onTheRecord(heard);
}, 60_000);

test('the same where the callers leave at that moment', async () => {
  await using ca = new Command(['ca'], { cwd: folder });
  expect(await ca.line()).toBe('ready');
  const heard: Heard = { certificates: new Set(), failures: [] };
  const clients = [open(), open(), open()];
  const leaving = new AbortController();
  const asking = clients.map((client) =>
    askUntilGone(
      client,
      heard,
      () => {
        if (heard.certificates.size !== 500) return;
        ca.child.kill('SIGTERM');
        leaving.abort();
      },
      leaving.signal,
    ),
  );
  await Promise.all(asking);
  for (const client of clients) client.close();
  const { code, stderr } = await ca.ended();
  expect(code).toBe(0);
  expect(aboveInfo(stderr)).toEqual([]);
  await onTheRecord(heard);
}, 60_000);
