import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readCertificate } from '#ca/certificate/read-certificate.ts';
import { writeRequest } from '#ca/csr/write-request.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import { decodePem, encodePem } from '#ca/pem.ts';
import type { MintResponse } from '#proto/gen/garrison/v1/identity.ts';
import { IstioCertificateServiceClient } from '#proto/gen/istio/v1/auth/ca.ts';
import { parseAddress } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { silentLogger } from '#runtime/logger.ts';
import { PostgresLedger } from '#services/ca/ledger/postgres/postgres-ledger.ts';
import { CaProcess } from '#test/fakes/ca-process.ts';
import { killFromOutside } from '#test/fakes/kill-from-outside.ts';
import { PostgresServer } from '#test/fakes/postgres-server.ts';
import { newSigner } from '#test/fakes/test-authority.ts';

const folder = mkdtempSync(join(tmpdir(), 'g2a-'));
let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
}, 60_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const spiffeId = 'spiffe://cluster.local/ns/a/sa/b';
const csr = Buffer.from(await writeRequest(newSigner()));
const order = { spiffeId, dnsNames: [], ttlSeconds: 0, csr };
let pairs = 0;

/** Two processes, started at the same moment on an empty database. */
async function startPair(database: string): Promise<[CaProcess, CaProcess]> {
  const base = join(folder, `${(pairs += 1)}`);
  const start = (name: string): Promise<CaProcess> => CaProcess.start({ folder: join(base, name), database });
  return Promise.all([start('a'), start('b')]);
}

async function mint(process: CaProcess): Promise<MintResponse> {
  const admin = process.admin();
  try {
    return await callUnary(admin.mint.bind(admin), order);
  } finally {
    admin.close();
  }
}

/** Tries until it holds; the test's own limit ends it. How long it took, in ms. */
async function until(holds: () => Promise<boolean>): Promise<number> {
  const from = performance.now();
  while (!(await holds())) await new Promise((next) => setTimeout(next, 20));
  return performance.now() - from;
}

const rootOf = ({ chain }: MintResponse): string => Buffer.from(chain.at(-1) ?? []).toString('base64');

describe('two authorities on one PostgreSQL', () => {
  test('serve one trust domain: each signs under the other’s new authority as soon as it is made', async () => {
    const [a, b] = await startPair(await server.database());
    await using both = new AsyncDisposableStack();
    both.use(a);
    both.use(b);
    const [fromA, fromB] = await Promise.all([mint(a), mint(b)]);
    expect(rootOf(fromA)).toBe(rootOf(fromB));
    expect(fromA.serial.slice(0, 2)).not.toBe(fromB.serial.slice(0, 2));
    const admin = a.admin();
    both.defer(() => admin.close());
    const change = (step: string, id: string) => callUnary(admin.changeAuthority.bind(admin), { step, id });
    // Either may have made the first root, and only who did has its key: a new root is asked for outright.
    const { id } = await change('prepare-new-root', '');
    await until(async () => (await mint(b)).bundle.length === 2);
    await change('activate', id);
    const tookMs = await until(async () => rootOf(await mint(b)) !== rootOf(fromB));
    expect(rootOf(await mint(b))).toBe(rootOf(await mint(a)));
    await callUnary(admin.revokeCertificate.bind(admin), { serial: fromB.serial, spiffeId: '', reason: 'lost' });
    const other = b.admin();
    both.defer(() => other.close());
    await until(async () => {
      const bundle = await callUnary(other.getBundle.bind(other), {});
      return bundle.revoked.includes(fromB.serial);
    });
    process.stderr.write(`a new authority signs in the other process after ${tookMs.toFixed(0)} ms\n`);
  }, 60_000);

  test('of 50 parallel redemptions of one token across both, one succeeds', async () => {
    const [a, b] = await startPair(await server.database());
    await using both = new AsyncDisposableStack();
    both.use(a);
    both.use(b);
    const admin = a.admin();
    const { token } = await callUnary(admin.createToken.bind(admin), { ...order, name: '' });
    admin.close();
    const bundle = [readFileSync(join(b.folder, 'state/bundle.pem'), 'utf8')];
    const clients = [a, b].map(({ addresses }) =>
      grpcClient(IstioCertificateServiceClient, parseAddress(addresses['ca'] ?? ''), {
        kind: 'tls',
        bundle,
        expect: () => true,
      }),
    );
    const pem = encodePem('CERTIFICATE REQUEST', csr);
    const tries = Array.from({ length: 50 }, (_, index) => {
      const client = clients[index % 2];
      if (client === undefined) throw new Error('no client');
      const request = { csr: pem, validityDuration: 0n, metadata: undefined };
      return callUnary(client.createCertificate.bind(client), request, {
        metadata: { authorization: `Bearer ${token}` },
      });
    });
    const settled = await Promise.allSettled(tries);
    for (const client of clients) client.close();
    const won = settled.filter((one) => one.status === 'fulfilled');
    expect(won).toHaveLength(1);
    for (const one of settled)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(decodePem(won[0]?.value.certChain[0] ?? '', ['CERTIFICATE'], 'leaf').length).toBeGreaterThan(0);
  }, 60_000);

  test('while the database is away nothing is signed and /readyz says why; when it is back they go on by themselves', async () => {
    const own = await PostgresServer.start();
    await using both = new AsyncDisposableStack();
    both.use(own);
    const [a, b] = await startPair(await own.database());
    both.use(a);
    both.use(b);
    await Promise.all([mint(a), mint(b)]);
    await own.kill();
    await expect(mint(a)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(mint(b)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const { status, text } = await a.page('/readyz');
    expect(status).toBe(503);
    expect(text).toContain('database does not answer');
    await own.up();
    await until(async () => (await a.page('/readyz')).status === 200 && (await b.page('/readyz')).status === 200);
    await Promise.all([mint(a), mint(b)]);
  }, 90_000);

  const lives = 5;
  const inFlight = 24;
  test(`after kill -9 of either in ${lives} lives each, all that left is on the record and serials never meet`, async () => {
    const database = await server.database();
    const base = join(folder, 'crash');
    const received = new Map<string, Uint8Array>();
    let doubled = 0;
    const live = async (name: string): Promise<void> => {
      for (let life = 0; life < lives; life += 1) {
        const ca = await CaProcess.start({ folder: join(base, name), database });
        const admin = ca.admin();
        const worker = async (): Promise<void> => {
          for (;;) {
            const { chain, serial } = await callUnary(admin.mint.bind(admin), order);
            if (received.has(serial)) doubled += 1;
            received.set(serial, chain[0] ?? new Uint8Array());
          }
        };
        killFromOutside(ca.child, 200 + Math.random() * 1000);
        await Promise.allSettled(Array.from({ length: inFlight }, worker));
        admin.close();
        await ca.end('SIGKILL');
      }
    };
    await Promise.all([live('a'), live('b')]);
    expect(doubled).toBe(0);
    const around = { clock: systemClock, logger: silentLogger, password: undefined };
    await using ledger = await PostgresLedger.open({ url: database, ...around });
    // Leases of the dead run out; then their open intents are of unknown outcome.
    await until(async () => (await ledger.list({ state: 'intended', limit: 1 })).length === 0);
    for (const [serial, der] of received) {
      const entry = await ledger.find(serial as SerialHex);
      expect(entry?.state).toBe('issued');
      expect(Buffer.compare(entry?.certificate ?? Buffer.alloc(0), der)).toBe(0);
      expect(Buffer.from(readCertificate(der).tbs.serial).toString('hex').padStart(40, '0')).toBe(serial);
    }
    const all = await ledger.list({ limit: 1_000_000 });
    expect(new Set(all.map(({ serial }) => serial)).size).toBe(all.length);
    const unknown = all.filter(({ state }) => state === 'unknown').length;
    expect(unknown).toBeLessThanOrEqual(2 * lives * (inFlight + 1));
    const told: number[] = [];
    for (let at = 0; ;) {
      const page = await ledger.entriesAfter(at, 500);
      told.push(...page.map(({ entry }) => entry.number));
      const last = page.at(-1);
      if (last === undefined) break;
      at = last.position;
    }
    expect(new Set(told).size).toBe(all.length);
    process.stderr.write(
      `${2 * lives} deaths: ${received.size} certificates left, ${all.length} on the record, ${unknown} of unknown outcome\n`,
    );
  }, 180_000);
});
