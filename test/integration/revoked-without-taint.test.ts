import { once } from 'node:events';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseAddress } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import { Command, anyPorts, folderWith, run } from '#test/fakes/command.ts';
import { freePort } from '#test/fakes/free-port.ts';

/** Several commands, each a process. */
const patienceMs = 90_000;

const folder = folderWith({ 'garrison.yaml': anyPorts });
const open = new Set<TLSSocket>();
const cleanUp = new AsyncDisposableStack();
let up: Command;
let addresses: Readonly<Record<string, string>>;
let application: Server;
let inbound: number;

const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

beforeAll(async () => {
  application = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(application, 'listening');
  inbound = await freePort();
  const policies = path.join(folder, 'policies');
  mkdirSync(policies);
  writeFileSync(path.join(policies, 'mesh.yaml'), strict);
  up = cleanUp.use(new Command(['up', '--output', 'json'], { cwd: folder }));
  ({ addresses } = JSON.parse(await up.line()) as { addresses: Record<string, string> });
}, patienceMs);
afterAll(async () => {
  for (const socket of open) socket.destroy();
  await cleanUp.disposeAsync();
  application.close();
  rmSync(folder, { recursive: true });
});

async function writeToken(account: string): Promise<string> {
  const file = path.join(folder, `${account}.token`);
  rmSync(file, { force: true });
  const made = await run(
    ['identity', 'token', 'create', '--service-account', `shop/${account}`, '--out', file],
    folder,
  );
  expect(made.code).toBe(0);
  return file;
}

/** Without the launcher: what is sent to it reaches the sidecar itself. */
const direct = [process.execPath, path.resolve(import.meta.dirname, '../../cli/main.ts')];

function sidecar(token: string, port: number, program?: readonly string[]): Command {
  const file = path.join(folder, `${path.basename(token)}-sidecar.yaml`);
  const app = (application.address() as AddressInfo).port;
  writeFileSync(
    file,
    `workload: { namespace: shop, name: server, serviceAccount: server }
identity: { ca: "${addresses['ca']}", token: ${token} }
authz: "${addresses['authz']}"
telemetry: "${addresses['telemetry']}"
inbound: [{ listen: 127.0.0.1:${port}, app: 127.0.0.1:${app}, protocol: http }]
admin: 127.0.0.1:0
drain: 1s
`,
  );
  const given = { cwd: folder, ...(program === undefined ? {} : { program }) };
  return cleanUp.use(new Command(['sidecar', '--config', file, '--output', 'json'], given));
}

/** Somebody of the mesh, as it is now: it hears of nothing and renews nothing. */
async function somebody(account: string): Promise<Identity> {
  const source = { ca: parseAddress(addresses['ca'] ?? ''), token: await writeToken(account) };
  const given = { clock: systemClock, logger: silentLogger, signal: AbortSignal.timeout(20_000) };
  await using identity = await workloadIdentity(source, given);
  return identity.current();
}

async function knock(identity: Identity, port = inbound): Promise<TLSSocket> {
  const context = { ...secureContextOptions(identity), rejectUnauthorized: false };
  const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: ['http/1.1'], ...context });
  open.add(socket);
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** The status of one request on a connection that stays open; undefined where the connection ends instead. */
async function ask(socket: TLSSocket): Promise<number | undefined> {
  if (socket.destroyed) return undefined;
  socket.write('GET / HTTP/1.1\r\nhost: server.shop\r\n\r\n');
  const answered = once(socket, 'data') as Promise<[Buffer]>;
  const first = await Promise.race([answered, once(socket, 'close').then(() => undefined)]);
  return first && Number(/^HTTP\/1\.1 (\d{3})/.exec(first[0].toString())?.[1]);
}

/** Waits until a process has logged all of these, each on a line of its own. */
function logged({ child }: Command, ...all: readonly RegExp[]): Promise<void> {
  const missing = new Set(all);
  return new Promise((resolve) => {
    let rest = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) for (const one of missing) if (one.test(line)) missing.delete(one);
      if (missing.size === 0) resolve();
    });
  });
}

/** Another authority signs from now on; which one did. */
async function rotate(): Promise<string> {
  expect((await run(['identity', 'rotate', '--wait', '0s'], folder)).code).toBe(0);
  const listed = await run(['identity', 'authorities', '--output', 'json'], folder);
  const all = listed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);
  return all.find(({ state }) => state === 'old')?.['authority'] ?? '';
}

async function readyz(address = ''): Promise<{ ready: boolean; missing: string[] }> {
  return (await (await fetch(`http://${address}/readyz`)).json()) as { ready: boolean; missing: string[] };
}

test(
  'a root that is revoked before anybody left it is gone everywhere at once; who can gets another identity, others say so',
  async () => {
    const token = await writeToken('server');
    const server = sidecar(token, inbound);
    const { addresses: own } = JSON.parse(await server.line()) as { addresses: { admin: string } };
    const stolen = await somebody('thief');
    const held = await knock(stolen);
    expect(await ask(held)).toBe(200);
    const copy = path.join(folder, 'copy.token');
    for (const more of ['', '.identity']) copyFileSync(token + more, copy + more);

    const old = await rotate();

    // What would throw everybody out by mistake is refused; somebody has still the way.
    const refusal = await run(['identity', 'revoke', '--authority', old], folder);
    expect(refusal.code).toBe(2);
    expect(refusal.stderr).toMatch(/^garrison: --authority: \d+ identities still stand on `[0-9a-f]+` \(/m);
    expect(refusal.stderr).toContain(`\`garrison identity taint ${old}\` first`);
    expect(await ask(held)).toBe(200);

    const heard = logged(server, /identity refused/);
    const anew = logged(up, /"service":"authz".*joined anew/, /"service":"telemetry".*joined anew/);
    const ended = once(held, 'close');
    const revoked = await run(['identity', 'revoke', '--authority', old, '--reason', 'stolen', '--force'], folder);
    expect(revoked.code).toBe(0);
    expect(revoked.stderr).toMatch(/^\d+ identities stood on it \(.*\): refused from now on/m);
    await Promise.all([heard, anew, ended]);
    expect(await ask(await knock(stolen))).toBeUndefined();
    const { ready, missing } = await readyz(own.admin);
    expect(ready).toBe(false);
    expect(missing.join()).toContain(
      `its certificate stands on a root that is trusted no more; put a new join token in \`${token}\``,
    );

    // Who starts with what it had is told why that cannot be, and ends.
    const late = await sidecar(copy, await freePort()).ended();
    expect(late.code).toBe(2);
    expect(late.stderr).toMatch(/^garrison: identity\.token: there is no identity to start with: /m);

    const joined = logged(server, /joined anew/, /identity renewed/);
    await writeToken('server');
    await joined;
    expect(await ask(await knock(await somebody('honest')))).toBe(200);
    for (const admin of [own.admin, addresses['authzAdmin'], addresses['telemetryAdmin'], addresses['caAdmin']]) {
      expect(await readyz(admin)).toEqual({ ready: true, missing: [] });
    }
  },
  patienceMs,
);

test(
  'who sleeps while a root is tainted and revoked refuses it when it wakes, and says what it needs',
  async () => {
    const token = await writeToken('sleeper');
    const port = await freePort();
    const sleeper = sidecar(token, port, direct);
    // Its file says `server`: that is told at once, and not found out later.
    const told = logged(sleeper, /the identity is not that of the configured workload/);
    await sleeper.line();
    await told;
    const stolen = await somebody('another');
    const held = await knock(stolen, port);
    expect(await ask(held)).toBe(200);
    sleeper.child.kill('SIGSTOP');
    const old = await rotate();
    const anew = logged(up, /"service":"authz".*identity renewed/, /"service":"telemetry".*identity renewed/);
    expect((await run(['identity', 'taint', old], folder)).code).toBe(0);
    await anew;
    expect(await run(['identity', 'revoke', '--authority', old], folder)).toMatchObject({ code: 0 });
    const heard = logged(sleeper, /identity refused/);
    const joined = logged(sleeper, /joined anew/);
    sleeper.child.kill('SIGCONT');
    await heard;
    await writeToken('sleeper');
    await joined;
    if (!held.destroyed) await once(held, 'close');
    expect(await ask(await knock(stolen, port))).toBeUndefined();
    expect(await ask(await knock(await somebody('honest'), port))).toBe(200);
  },
  patienceMs,
);
