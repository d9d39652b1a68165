// node test/bench/workload-api.bench.ts [--baseline FILE] [--streams 10000]
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { JWTSVIDRequest } from '#proto/gen/spiffe/workload/workload.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { silentLogger } from '#runtime/logger.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { Attestors } from '#services/workload/attest/attestors.ts';
import { Changes } from '#services/workload/changes.ts';
import { followHolder, madeOnce } from '#services/workload/follow-holder.ts';
import { Holdings, type Holding } from '#services/workload/holdings.ts';
import { Registrations } from '#services/workload/registrations.ts';
import { SvidKeeper } from '#services/workload/svid-keeper.ts';
import { processorMs, publish, residentMiB, summary, type Measurement } from '#test/bench/harness.ts';
import { ownUid } from '#test/fakes/own-uid.ts';

const { values } = parseArgs({ options: { streams: { type: 'string', default: '10000' } }, strict: false });
const streams = Number(values.streams);
const folder = mkdtempSync(join(tmpdir(), 'gbw-'));
const socket = join(folder, 'state/workload.sock');
const header = { 'content-type': 'application/grpc', te: 'trailers', 'workload.spiffe.io': 'true' };
const jwtRequest = framed(JWTSVIDRequest.encode({ audience: ['db'], spiffeId: '' }).finish());
const results: Measurement[] = [];
const extra: Record<string, unknown> = {};
let prepared = false;

mkdirSync(join(folder, 'policies'));
register('web', 'main');
const config = join(folder, 'garrison.yaml');
writeFileSync(
  config,
  'state: ./state\npolicies: [ ./policies ]\nlogLevel: error\nca: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }\n',
);
const server = await startCa();
extra['rssMiB, ready'] = residentMiB(server);
for (const count of [1, 16]) {
  await inFlight(`FetchX509SVID to its first message, ${count} in flight`, count, firstMessage);
  await inFlight(`FetchJWTSVID, recorded, ${count} in flight`, count, fetchJwt);
}
await fanOut(4);
await fanOut(streams);
extra['rssMiB, all streams open'] = residentMiB(server);
server.kill('SIGKILL');
await manyKinds(streams);
publish('workload-api', results, extra);
rmSync(folder, { recursive: true });
process.exit(0);

function register(name: string, hint: string): void {
  const fresh = join(folder, `${name}.new`);
  writeFileSync(
    fresh,
    `apiVersion: garrison.dev/v1
kind: Registration
metadata: { name: ${name}, namespace: bench }
spec: { serviceAccount: ${name}, hint: ${hint}, selectors: ['${ownUid}'] }
`,
  );
  renameSync(fresh, join(folder, 'policies', `${name}.yaml`));
}

async function startCa(): Promise<ChildProcess> {
  const args = [join(import.meta.dirname, '../../cli/main.ts'), 'ca', '--config', config, '--output', 'json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(child.stdout)) {
    const { addresses } = JSON.parse(line) as { addresses?: { caAdmin: string } };
    if (addresses === undefined) continue;
    // It serves before it has read the registrations, and says so.
    while (!(await fetch(`http://${addresses.caAdmin}/readyz`)).ok) await systemClock.sleep(20);
    return child;
  }
  throw new Error('the CA ended before it was ready');
}

function framed(message: Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(5), message]);
  bytes.writeUInt32BE(message.length, 1);
  return bytes;
}

function open(): ClientHttp2Session {
  const session = connectHttp2('http://localhost', { createConnection: () => connect({ path: socket }) });
  session.setMaxListeners(0);
  return session;
}

function firstMessage(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ...header, ':method': 'POST', ':path': '/SpiffeWorkloadAPI/FetchX509SVID' });
    stream.once('data', () => {
      stream.close(constants.NGHTTP2_CANCEL);
      resolve();
    });
    stream.once('response', ({ 'grpc-status': status }) => {
      if (status !== undefined) reject(new Error(`status ${String(status)}`));
    });
    stream.once('error', reject);
    stream.end(framed(new Uint8Array()));
  });
}

function fetchJwt(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ...header, ':method': 'POST', ':path': '/SpiffeWorkloadAPI/FetchJWTSVID' });
    let status = '0';
    stream.once('response', (headers) => (status = String(headers['grpc-status'] ?? '0')));
    stream.resume().once('end', () => (status === '0' ? resolve() : reject(new Error(`status ${status}`))));
    stream.once('error', reject);
    stream.end(jwtRequest);
  });
}

async function inFlight(
  name: string,
  count: number,
  call: (session: ClientHttp2Session) => Promise<void>,
): Promise<void> {
  const latencies: number[] = [];
  const worker = async (until: number, keep: boolean): Promise<void> => {
    for (let session = open(), calls = 1; ; calls += 1) {
      // A server takes one who cancels a thousand streams of one connection for an attacker.
      if (calls % 500 === 0) {
        session.destroy();
        session = open();
      }
      const start = performance.now();
      await call(session);
      if (keep) latencies.push((performance.now() - start) * 1000);
      if (performance.now() < until) continue;
      session.destroy();
      return;
    }
  };
  const run = (ms: number, keep: boolean): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, () => worker(performance.now() + ms, keep)));
  await run(1500, false);
  const before = processorMs(server);
  const start = performance.now();
  await run(3000, true);
  results.push(summary(name, latencies, latencies.length, performance.now() - start));
  extra[`perProcessorSecond, ${name}`] = Math.round((latencies.length * 1000) / (processorMs(server) - before));
}

/** From a change to the message about it, on every one of so many open streams. */
async function fanOut(count: number): Promise<void> {
  const sessions = Array.from({ length: Math.ceil(count / 500) }, open);
  let arrived: (at: number) => void = () => undefined;
  let opened = 0;
  const all = Promise.withResolvers<true>();
  for (let at = 0; at < count; at += 1) {
    const session = sessions[Math.floor(at / 500)];
    const stream = session?.request({ ...header, ':method': 'POST', ':path': '/SpiffeWorkloadAPI/FetchX509SVID' });
    let first = true;
    stream
      ?.on('error', () => undefined)
      .on('data', () => {
        if (!first) arrived(performance.now());
        else if ((opened += 1) === count) all.resolve(true);
        first = false;
      });
    stream?.end(framed(new Uint8Array()));
    if (at % 200 === 0) await systemClock.sleep(1);
  }
  await all.promise;
  const admin = grpcClient(IdentityAdminClient, { path: join(folder, 'state', adminSocket) }, { kind: 'plaintext' });
  const changes: Record<string, () => Promise<unknown>> = {
    'a registration': async () => {
      register('web', `h${count}`);
      await Promise.resolve();
    },
    [prepared ? 'a tainted authority' : 'a new root']: async () => {
      if (!prepared) return callUnary(admin.changeAuthority.bind(admin), { step: 'prepare', id: '' });
      const { authorities } = await callUnary(admin.listAuthorities.bind(admin), {});
      const inState = (wanted: string): string => authorities.find(({ state }) => state === wanted)?.id ?? '';
      await callUnary(admin.changeAuthority.bind(admin), { step: 'activate', id: inState('prepared') });
      return callUnary(admin.changeAuthority.bind(admin), { step: 'taint', id: inState('active') });
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    const latencies: number[] = [];
    const done = Promise.withResolvers<true>();
    const start = performance.now();
    arrived = (at) => {
      latencies.push((at - start) * 1000);
      if (latencies.length === count) done.resolve(true);
    };
    const before = processorMs(server);
    await change();
    await done.promise;
    results.push(summary(`${name} to ${count} streams`, latencies, count, performance.now() - start));
    extra[`${name} to ${count} streams, last after ms`] = Math.round(Math.max(...latencies) / 1000);
    extra[`${name} to ${count} streams, server's processor ms`] = processorMs(server) - before;
  }
  prepared = true;
  admin.close();
  for (const session of sessions) session.destroy();
  await systemClock.sleep(500);
}

/** As many kinds of callers, each with a registration and an SVID of its own: what one change costs without the wire. */
async function manyKinds(count: number): Promise<void> {
  const registrations = new Registrations();
  const changes = new Changes();
  registrations.onChange(() => changes.bump());
  const ids = Array.from({ length: count }, (_, at) => `spiffe://example.org/w/${at}`);
  const documents = ids.map((spiffeId, at) => ({
    ...{ kind: 'Registration', metadata: { namespace: 'bench', name: String(at) }, spiffeId, dnsNames: [] },
    ...{ selectors: ['unix:gid:0', `unix:uid:${at}`], federatesWith: [] },
  })) as unknown as Registration[];
  registrations.replace(documents);
  let roots = [Buffer.alloc(400, 1)];
  const trust = {
    trustDomain: parseTrustDomain('example.org'),
    bundle: () => roots,
    jwtKeys: () => [],
    foreign: () => new Map(),
  };
  const soon = new Date(Date.now() + 3_600_000);
  const issue = ({ spiffeId }: Registration) =>
    Promise.resolve({
      ...{ serial: spiffeId, id: parseSpiffeId(spiffeId), notBefore: new Date(), notAfter: soon },
      ...{ chain: [Buffer.alloc(600, 2), Buffer.alloc(400, 3)], authority: 'a' },
    });
  const source = { issue, mintJwt: () => Promise.reject(new Error('not asked for')) };
  const keeper = new SvidKeeper({ source, clock: systemClock, logger: silentLogger, random: Math.random });
  const attestors = new Attestors([], silentLogger);
  const holdings = new Holdings({
    ...{ trust, registrations, changes, attestors, keeper, clock: systemClock },
    opened: () => () => undefined,
  });
  const write = madeOnce(({ trust: now }: Holding) => Buffer.concat(now.own.roots));
  let got = 0;
  let expected = Promise.withResolvers<true>();
  for (let at = 0; at < count; at += 1) {
    const selectors = new Set(['unix:gid:0', `unix:uid:${at}`]);
    const holder = holdings.open({ selectors, unix: { uid: at, gid: 0, pid: at }, caller: String(at) });
    void (async () => {
      for await (const _ of followHolder(holder, new AbortController().signal, holder.holding, write)) {
        if ((got += 1) === count) expected.resolve(true);
      }
    })();
  }
  await expected.promise;
  const times: number[] = [];
  for (let round = 2; round < 12; round += 1) {
    [got, expected, roots] = [0, Promise.withResolvers<true>(), [Buffer.alloc(400, round)]];
    // Processor time: what else the machine does is no matter here.
    const before = process.cpuUsage();
    changes.bump();
    await expected.promise;
    const { user, system } = process.cpuUsage(before);
    times.push(user + system);
  }
  results.push(
    summary(
      `a new root to ${count} kinds of callers, without the wire`,
      times,
      times.length,
      times.reduce((a, b) => a + b) / 1000,
    ),
  );
  keeper[Symbol.dispose]();
}
