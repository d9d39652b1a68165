import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { splitDer } from '#ca/der/split.ts';
import { IdentityAdminClient, type Authority } from '#proto/gen/garrison/v1/identity.ts';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { Identity, IdentitySource } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { Command, run } from '#test/fakes/command.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';
import { nodeRegistration } from '#test/fakes/node-documents.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { agentFile } from '#test/fakes/running-agent.ts';
import { registration } from '#test/fakes/running-ca.ts';
import { Messages } from '#test/fakes/stream-messages.ts';

// Socket paths hold 107 characters.
const folder = mkdtempSync(join(tmpdir(), 'gap-'));
const socket = join(folder, 'agent/state/workload.sock');
const header = new Metadata();
header.set('workload.spiffe.io', 'true');
let authority: Command;
let agent: Command;
let client: SpiffeWorkloadAPIClient;
let agentAdmin: string;
let port = 0;

interface Ready {
  readonly addresses: Readonly<Record<string, string>>;
}

async function startAuthority(): Promise<void> {
  const listen = `ca: { listen: "127.0.0.1:${port}", admin: "127.0.0.1:0" }`;
  writeFileSync(join(folder, 'garrison.yaml'), `trustDomain: example.org\nstate: ./state\n${listen}\n`);
  authority = new Command(['ca', '--output', 'json'], { cwd: folder });
  const { addresses } = JSON.parse(await authority.line()) as Ready;
  port = Number(addresses['ca']?.split(':').at(-1));
}

async function startAgent(): Promise<void> {
  agent = new Command(['agent', '--config', './agent/agent.yaml', '--output', 'json'], { cwd: folder });
  const { addresses } = JSON.parse(await agent.line()) as Ready;
  agentAdmin = addresses['agentAdmin'] ?? '';
}

/** The launcher's child is the process itself: both end at once, without a word to anybody. */
async function killOutright(command: Command): Promise<void> {
  await command.end('SIGKILL');
}

beforeAll(async () => {
  mkdirSync(join(folder, 'policies'));
  mkdirSync(join(folder, 'agent'));
  const write = (name: string, text: string): void => writeFileSync(join(folder, 'policies', name), text);
  write('node.yaml', nodeRegistration('east', ['spiffe://example.org/ns/shop/*']));
  write('server.yaml', registration('server', 'server', [ownUid], '  hint: server\n'));
  write('client.yaml', registration('client', 'client', [ownUid], '  hint: client\n'));
  await startAuthority();
  const made = await run(['identity', 'token', 'create', '--name', 'east', '--output', 'json'], folder);
  const { token } = JSON.parse(made.stdout) as { token: string };
  writeFileSync(join(folder, 'agent/token'), token, { mode: 0o600 });
  writeFileSync(join(folder, 'agent/agent.yaml'), agentFile({ host: '127.0.0.1', port }));
  await startAgent();
  client = grpcClient(SpiffeWorkloadAPIClient, { path: socket }, { kind: 'plaintext' });
}, 30_000);
afterAll(async () => {
  client.close();
  await Promise.all([agent[Symbol.asyncDispose](), authority[Symbol.asyncDispose]()]);
  rmSync(folder, { recursive: true });
});

const svids = (): Messages<X509SVIDResponse> => new Messages(client.fetchX509Svid({}, header));
const serials = ({ svids: all }: X509SVIDResponse): string[] =>
  all.map(({ x509Svid }) => new X509Certificate(splitDer(x509Svid, 'svid')[0] ?? '').serialNumber);

async function agentStatus(): Promise<{ authority: { connected: boolean }; identity: { id: string; serial: string } }> {
  return (await (await fetch(`http://${agentAdmin}/status`)).json()) as Awaited<ReturnType<typeof agentStatus>>;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await systemClock.sleep(50);
}

test('while the authority is gone, killed outright, the agent serves what it has, and goes on with it when it is back', async () => {
  using open = svids();
  const before = await open.next();
  await killOutright(authority);
  await until(async () => !(await agentStatus()).authority.connected);
  using fresh = svids();
  expect(serials(await fresh.next())).toEqual(serials(before));
  expect((await fetch(`http://${agentAdmin}/readyz`)).status).toBe(200);

  await startAuthority();
  writeFileSync(join(folder, 'policies/third.yaml'), registration('third', 'third', [ownUid]));
  const after = await open.until((one) => one.svids.length === 3);
  expect(serials(after).filter((serial) => serials(before).includes(serial))).toHaveLength(2);
  rmSync(join(folder, 'policies/third.yaml'));
  await open.until((one) => one.svids.length === 2);
}, 30_000);

test('an agent that was killed outright comes back as the node it was, without a new token', async () => {
  const before = await agentStatus();
  const options = { clock: systemClock, logger: silentLogger, signal: new AbortController().signal };
  await using workload = await workloadIdentity({ workloadApi: socket }, options);
  const renewed = new Promise<Identity>((resolve) => workload.onChange(resolve));
  await killOutright(agent);
  expect(workload.current().expiresAt > new Date()).toBe(true);
  await startAgent();
  expect((await agentStatus()).identity).toEqual(before.identity);
  // Keys of workloads are in memory only: the restarted agent makes new ones.
  expect((await renewed).spiffeId.path).toBe('/ns/shop/sa/client');
}, 30_000);

test('an agent that restarts while the authority is away tells whom to believe, and gives SVIDs when that is back', async () => {
  await killOutright(agent);
  await killOutright(authority);
  await startAgent();
  using bundles = new Messages(client.fetchX509Bundles({}, header));
  expect([...(await bundles.next()).bundles.keys()]).toEqual(['spiffe://example.org']);
  using refused = svids();
  await expect(refused.next()).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await startAuthority();
  await until(async () => (await agentStatus()).authority.connected);
  using served = svids();
  expect((await served.next()).svids).toHaveLength(2);
}, 30_000);

/** One call over a connection of its own, both sides verified. */
async function call(
  from: IdentitySource,
  to: IdentitySource,
  address: { host: string; port: number },
): Promise<string> {
  const expect_ = to.current().spiffeId.path;
  const security = { kind: 'tls', identity: from, expect: ({ path }: { path: string }) => path === expect_ } as const;
  const stub = grpcClient(EchoClient, address, security);
  try {
    return await callUnary(stub.unary.bind(stub), 'hello');
  } finally {
    stub.close();
  }
}

test('the root is replaced under two workloads of the node that talk, and no handshake fails', async () => {
  const admin = grpcClient(IdentityAdminClient, { path: join(folder, 'state', adminSocket) }, { kind: 'plaintext' });
  const change = (step: string, id = ''): Promise<Authority> =>
    callUnary(admin.changeAuthority.bind(admin), { step, id });
  const options = { clock: systemClock, logger: silentLogger, signal: new AbortController().signal };
  const as = (name: string): Promise<IdentitySource & AsyncDisposable> =>
    workloadIdentity({ workloadApi: socket, spiffeId: `spiffe://example.org/ns/shop/sa/${name}` }, options);
  await using from = await as('client');
  await using to = await as('server');
  await using echo = new GrpcServer({ logger: silentLogger }).unary(echoService.unary, (text) => text);
  const address = await echo.listen(
    { host: '127.0.0.1', port: 0 },
    { kind: 'tls', identity: to, clientCertificate: 'require' },
  );
  if (!('port' in address)) throw new Error('a TCP port was asked for');
  let calls = 0;
  const done = new AbortController();
  const talking = (async (): Promise<void> => {
    while (!done.signal.aborted) {
      expect(await call(from, to, address)).toBe('hello');
      calls += 1;
    }
  })();
  /** Until some more calls have been made, or one has failed. */
  const callsGoOn = async (): Promise<void> => {
    const before = calls;
    await Promise.race([talking, until(() => Promise.resolve(calls > before + 5))]);
  };
  const both = (holds: (identity: Identity) => boolean): Promise<void> =>
    until(() => Promise.resolve(holds(from.current()) && holds(to.current())));

  const [first] = from.current().bundle;
  const next = await change('prepare');
  await both(({ bundle }) => bundle.length === 2);
  await change('activate', next.id);
  const { authorities } = await callUnary(admin.listAuthorities.bind(admin), {});
  const spent = authorities.find(({ state }) => state === 'old')?.id ?? '';
  const former = [from, to].map((one) => one.current().certificates[0]);
  await change('taint', spent);
  await both(({ certificates: [leaf] }) => !former.includes(leaf));
  // Whoever still called with a former certificate has been answered.
  await callsGoOn();
  await change('revoke', spent);
  await both(({ bundle }) => bundle.length === 1 && bundle[0] !== first);
  await callsGoOn();
  done.abort();
  await talking;
  expect(calls).toBeGreaterThan(10);
  // The node itself stands on the new root, and is heard, over a stream that it has opened anew.
  await until(async () => (await agentStatus()).authority.connected);
  admin.close();
}, 60_000);
