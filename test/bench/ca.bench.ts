// node test/bench/ca.bench.ts [--baseline FILE]
// The server runs as people run it: after `npm run build` from dist/, with the launcher's flags.
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign as cryptoSign, verify } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { readRequest } from '#ca/csr/read-request.ts';
import { writeRequest } from '#ca/csr/write-request.ts';
import { lint } from '#ca/issue/lint.ts';
import { issuedFaults } from '#ca/issue/validate.ts';
import { prepare } from '#ca/issue/prepare.ts';
import { newSerial } from '#ca/issue/serial.ts';
import { sign } from '#ca/issue/sign.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { encodePem } from '#ca/pem.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { IstioCertificateRequest, IstioCertificateServiceService } from '#proto/gen/istio/v1/auth/ca.ts';
import { systemClock } from '#runtime/clock.ts';
import { openDatabase } from '#runtime/database.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { recordAndSign } from '#services/ca/issuing/record-and-sign.ts';
import { MemoryLedger } from '#services/ca/ledger/memory-ledger.ts';
import type { Ledger } from '#services/ca/ledger/port.ts';
import { SqliteLedger } from '#services/ca/ledger/sqlite-ledger.ts';
import { measure, processorMs, publish, residentMiB, summary, type Measurement } from '#test/bench/harness.ts';
import { leafPlan, newSigner, testAuthority } from '#test/fakes/test-authority.ts';

const root = join(import.meta.dirname, '../..');
const entry = existsSync(join(root, 'dist/cli/main.js')) ? 'dist/cli/main.js' : 'cli/main.ts';
const folder = mkdtempSync(join(tmpdir(), 'gbc-'));
const now = new Date();
const authority = await testAuthority(now);
const subject = newSigner();
const csr = await writeRequest(subject);
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const own = keySigner(key.privateKey);
const ownPem = key.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const signature = cryptoSign('sha256', csr, key.privateKey);
const base = leafPlan(authority, now, { subjectKey: subject.publicKey });
const finishedPlan = { ...base, serial: newSerial(1, now, randomBytes) };
const finished = await sign(lint(prepare(finishedPlan)), authority.signer);
const plan = () => ({ ...base, serial: newSerial(1, now, randomBytes) });

const results: Measurement[] = [
  measure('limit: node:crypto P-256 sign', () => cryptoSign('sha256', csr, key.privateKey)),
  measure('limit: node:crypto P-256 verify', () => verify('sha256', csr, key.publicKey, signature)),
  measure('request: read, check key and signature', () => readRequest(csr)),
  measure('certificate: prepare', () => prepare(plan())),
  measure('certificate: prepare and lint', () => lint(prepare(plan()))),
  measure('certificate: read back', () => issuedFaults(finished, finishedPlan)),
  await inFlight('certificate: prepare, lint, sign, read back', 1, () => sign(lint(prepare(plan())), authority.signer)),
  await withLedger('memory', new MemoryLedger(), 64),
  await withLedger('SQLite, synced', sqlite('one.db'), 1),
  await withLedger('SQLite, synced', sqlite('many.db'), 64),
];
const served = await overMutualTls();
results.push(...served.results);
publish('ca', results, { server: served.server, processorUsPerCertificate: await whereItGoes() });
rmSync(folder, { recursive: true });
process.exit(0);

function sqlite(name: string): Ledger {
  return new SqliteLedger(openDatabase(join(folder, name), { durable: true }));
}

/** Processor time of one certificate by what it is spent on, and the rest: gRPC, TLS and the kernel. */
async function whereItGoes(): Promise<Record<string, number>> {
  const us = (name: string): number => results.find((one) => one.name === name)?.p50Us ?? NaN;
  const verifying = us('limit: node:crypto P-256 verify');
  const parts = {
    'request: read, its key imported': us('request: read, check key and signature') - verifying,
    'request: signature verified': verifying,
    'certificate: prepared': us('certificate: prepare'),
    'certificate: linted': us('certificate: prepare and lint') - us('certificate: prepare'),
    'certificate: signed': us('limit: node:crypto P-256 sign'),
    'certificate: read back': us('certificate: read back'),
    'ledger: intent and outcome': await recordingUs(),
  };
  const sum = Object.values(parts).reduce((total, part) => total + part, 0);
  const whole = 1e6 / Number(served.server['perProcessorSecond, 64 in flight']);
  const table = { ...parts, 'gRPC, TLS, kernel and the rest': whole - sum, whole };
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, Math.round(value)]));
}

async function recordingUs(): Promise<number> {
  const ledger = sqlite('recording.db');
  const hash = 'ab'.repeat(32);
  const who = { caller: 'bench', grant: 'bench', issuerKeyId: hash, publicKeyHash: hash, tbsHash: hash };
  let recorded = 0;
  const before = process.cpuUsage();
  const one = async (): Promise<void> => {
    const serial = newSerial(1, now, randomBytes);
    const identity = { profile: 'leaf', spiffeId: base.id.toString(), dnsNames: [] } as const;
    await ledger.intend({ ...who, ...identity, ...base.validity, serial, requestedAt: now });
    await ledger.conclude(serial, { kind: 'issued', certificate: finished }, now);
    recorded += 1;
  };
  await inFlight('', 64, one, 1500);
  const { user, system } = process.cpuUsage(before);
  await ledger[Symbol.asyncDispose]();
  return (user + system) / recorded;
}

async function withLedger(name: string, ledger: Ledger, count: number): Promise<Measurement> {
  const press = { ledger, clock: systemClock };
  const warrant = { caller: 'bench', grant: 'bench' };
  const issue = (): Promise<Uint8Array> => {
    const { publicKey } = readRequest(csr);
    return recordAndSign(press, { ...plan(), subjectKey: publicKey }, authority.signer, warrant);
  };
  const measured = await inFlight(`request to certificate, ledger ${name}, ${count} in flight`, count, issue);
  await ledger[Symbol.asyncDispose]();
  return measured;
}

async function inFlight(name: string, count: number, call: () => Promise<unknown>, ms = 2000): Promise<Measurement> {
  const latencies: number[] = [];
  const worker = async (until: number, keep: boolean): Promise<void> => {
    while (performance.now() < until) {
      const start = performance.now();
      await call();
      if (keep) latencies.push((performance.now() - start) * 1000);
    }
  };
  const run = (length: number, keep: boolean): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, () => worker(performance.now() + length, keep)));
  await run(ms / 4, false);
  const start = performance.now();
  await run(ms, true);
  return summary(name, latencies, latencies.length, performance.now() - start);
}

/** A CA process of its own; the client here. What the server costs is read from its own processor time. */
async function overMutualTls(): Promise<{ results: Measurement[]; server: Record<string, number | string> }> {
  const config = join(folder, 'garrison.yaml');
  writeFileSync(config, 'state: ./state\nlogLevel: warn\nca: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }\n');
  const started = performance.now();
  const { child, address } = await startCa(config);
  const readyMs = performance.now() - started;
  const session = await openSession(address);
  const request = IstioCertificateRequest.encode({
    csr: encodePem('CERTIFICATE REQUEST', csr),
    validityDuration: 0n,
    metadata: undefined,
  }).finish();
  const framed = Buffer.concat([Buffer.alloc(5), request]);
  framed.writeUInt32BE(request.length, 1);
  const measured: Measurement[] = [];
  const cost: Record<string, number> = {};
  for (const count of [1, 64]) {
    const before = processorMs(child);
    let calls = 0;
    const name = `CreateCertificate over mTLS, recorded, ${count} in flight`;
    measured.push(await inFlight(name, count, () => ((calls += 1), call(session, framed)), 4000));
    cost[`perProcessorSecond, ${count} in flight`] = Math.round((calls * 1000) / (processorMs(child) - before));
  }
  const rssMiB = residentMiB(child);
  session.destroy();
  child.kill('SIGKILL');
  return { results: measured, server: { entry, readyMs: Math.round(readyMs), rssMiB, ...cost } };
}

async function startCa(config: string): Promise<{ child: ChildProcess; address: string }> {
  const args = ['--max-semi-space-size=1', join(root, entry), 'ca', '--config', config, '--output', 'json'];
  const kept = join(root, 'node_modules/.cache/garrison');
  const env = { ...process.env, MALLOC_ARENA_MAX: '1', NODE_COMPILE_CACHE: kept };
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
  for await (const line of createInterface(child.stdout)) {
    const { addresses } = JSON.parse(line) as { addresses?: { ca: string } };
    if (addresses !== undefined) return { child, address: addresses.ca };
  }
  throw new Error('the CA ended before it was ready');
}

async function openSession(address: string): Promise<ClientHttp2Session> {
  const admin = grpcClient(IdentityAdminClient, { path: join(folder, 'state', adminSocket) }, { kind: 'plaintext' });
  const spiffeId = 'spiffe://cluster.local/ns/bench/sa/bench';
  const order = { spiffeId, dnsNames: [], ttlSeconds: 0, csr: Buffer.from(await writeRequest(own)) };
  const { chain, bundle } = await callUnary(admin.mint.bind(admin), order);
  admin.close();
  const pems = (ders: readonly Uint8Array[]): string[] => ders.map((der) => encodePem('CERTIFICATE', der));
  const identity = { certificates: pems(chain.slice(0, 2)), privateKey: ownPem, bundle: pems(bundle) };
  const [host = '', port] = address.split(':');
  return connectHttp2(`https://${address}`, {
    createConnection: () =>
      connectTls({
        host,
        port: Number(port),
        servername: 'localhost',
        ALPNProtocols: ['h2'],
        ...secureContextOptions(identity),
      }),
  });
}

function call(session: ClientHttp2Session, framed: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const { path } = IstioCertificateServiceService.createCertificate;
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status: unknown = 'none';
    stream.on('trailers', (trailers: IncomingHttpHeaders) => (status = trailers['grpc-status']));
    stream.on('response', (headers) => (status = headers['grpc-status'] ?? status));
    stream
      .on('error', reject)
      .on('close', () => (status === '0' ? resolve() : reject(new Error(`status ${String(status)}`))));
    stream.resume();
    stream.end(framed);
  });
}
