import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import path from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TrustClient } from '#proto/gen/garrison/v1/identity.ts';
import { parseAddress } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import { staticIdentity, type Identity, type IdentitySource } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import { Command, anyPorts, folderWith, run } from '#test/fakes/command.ts';
import { freePort } from '#test/fakes/free-port.ts';

/** What the issue promises: whoever was revoked is out of every sidecar within this time, open connections included. */
const promisedMs = 5000;

/** Several commands, each a process. */
const patienceMs = 90_000;

const folder = folderWith({ 'garrison.yaml': anyPorts });
const processes: AsyncDisposable[] = [];
const open = new Set<Socket>();
let addresses: Readonly<Record<string, string>>;
let application: Server;
let inbound: number;
let outbound: number;

beforeAll(async () => {
  application = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(application, 'listening');
  const { port } = application.address() as AddressInfo;
  inbound = await freePort();
  outbound = await freePort();
  const policies = path.join(folder, 'policies');
  mkdirSync(policies);
  writeFileSync(path.join(policies, 'mesh.yaml'), documents(inbound));
  const up = new Command(['up', '--output', 'json'], { cwd: folder });
  processes.push(up);
  ({ addresses } = JSON.parse(await up.line()) as { addresses: Record<string, string> });
  await sidecar('server', `inbound: [{ listen: 127.0.0.1:${inbound}, app: 127.0.0.1:${port}, protocol: http }]`);
  await sidecar('client', `outbound: { listen: 127.0.0.1:${outbound} }`);
}, patienceMs);
afterAll(async () => {
  for (const socket of open) socket.destroy();
  for (const one of processes.reverse()) await one[Symbol.asyncDispose]();
  application.close();
  rmSync(folder, { recursive: true });
});

const documents = (port: number): string => `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: server, namespace: shop }
spec:
  hosts: [ server.shop ]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [ { number: 80, name: http, protocol: HTTP } ]
  endpoints: [ { address: 127.0.0.1, ports: { http: ${port} }, serviceAccount: server } ]
`;

async function token(account: string): Promise<string> {
  const file = path.join(folder, `${account}-${Math.random()}.token`);
  const made = await run(
    ['identity', 'token', 'create', '--service-account', `shop/${account}`, '--out', file],
    folder,
  );
  expect(made.code).toBe(0);
  return file;
}

async function sidecar(account: string, listeners: string): Promise<void> {
  const file = path.join(folder, `${account}.yaml`);
  writeFileSync(
    file,
    `workload: { namespace: shop, name: ${account}, serviceAccount: ${account} }
identity: { ca: "${addresses['ca']}", token: ${await token(account)} }
authz: "${addresses['authz']}"
telemetry: "${addresses['telemetry']}"
${listeners}
admin: 127.0.0.1:0
drain: 1s
`,
  );
  const command = new Command(['sidecar', '--config', file], { cwd: folder });
  processes.push(command);
  await command.line();
}

/** Somebody of the mesh, as it is now: it hears of nothing and renews nothing. */
async function somebody(account: string): Promise<Identity> {
  const signal = AbortSignal.timeout(20_000);
  const source = { ca: parseAddress(addresses['ca'] ?? ''), token: await token(account) };
  await using identity = await workloadIdentity(source, { clock: systemClock, logger: silentLogger, signal });
  return identity.current();
}

/** A connection to the sidecar's door; resolves when the handshake is over, which in TLS 1.3 lets nobody in yet. */
async function knock(identity: Identity, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const context = { ...secureContextOptions(identity), rejectUnauthorized: false, ...more };
  const socket = connect({ host: '127.0.0.1', port: inbound, ALPNProtocols: ['http/1.1'], ...context });
  open.add(socket);
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** The status of one request on a connection that stays open; undefined where the connection ends instead. */
async function ask(socket: Socket, text = 'GET / HTTP/1.1\r\nhost: server.shop\r\n\r\n'): Promise<number | undefined> {
  if (socket.destroyed) return undefined;
  socket.write(text);
  const answered = once(socket, 'data') as Promise<[Buffer]>;
  const first = await Promise.race([answered, once(socket, 'close').then(() => undefined)]);
  return first && Number(/^HTTP\/1\.1 (\d{3})/.exec(first[0].toString())?.[1]);
}

async function endsInTime(socket: Socket): Promise<void> {
  if (socket.destroyed || socket.readableEnded) return;
  await Promise.race(['end', 'close'].map((event) => once(socket, event, { signal: AbortSignal.timeout(promisedMs) })));
}

const revoke = async (...which: readonly string[]): Promise<void> => {
  expect(await run(['identity', 'revoke', ...which], folder)).toMatchObject({ code: 0 });
};

/** A tunnel from the application beside the client's sidecar to the application beside the server's. */
async function tunnel(): Promise<Socket> {
  const socket = connectTcp(outbound, '127.0.0.1');
  open.add(socket);
  socket.on('error', () => undefined);
  expect(await ask(socket, 'GET / HTTP/1.1\r\nhost: server.shop\r\n\r\n')).toBe(200);
  return socket;
}

describe('somebody who was revoked', () => {
  test(
    'is out of a sidecar in time, with the connection it had open; others go on',
    async () => {
      const [honest, thief] = [await somebody('honest'), await somebody('thief')];
      const [stays, goes] = [await knock(honest), await knock(thief)];
      expect(await ask(stays)).toBe(200);
      expect(await ask(goes)).toBe(200);
      await revoke('--service-account', 'shop/thief', '--reason', 'stolen');
      await endsInTime(goes);
      expect(await ask(stays)).toBe(200);
      expect(await ask(await knock(thief))).toBeUndefined();
      expect(await ask(await knock(honest))).toBe(200);
    },
    patienceMs,
  );

  test(
    'has no session to resume, before and after',
    async () => {
      const thief = await somebody('resumer');
      const sessions: Buffer[] = [];
      const first = await knock(thief);
      first.on('session', (session: Buffer) => sessions.push(session));
      const own = first.getSession();
      if (own !== undefined) sessions.push(own);
      expect(await ask(first)).toBe(200);
      for (const session of sessions) {
        const again = await knock(thief, { session });
        expect(again.isSessionReused()).toBe(false);
        expect(await ask(again)).toBe(200);
      }
      await revoke('--service-account', 'shop/resumer');
      await endsInTime(first);
      for (const session of sessions) expect(await ask(await knock(thief, { session }))).toBeUndefined();
    },
    patienceMs,
  );

  test(
    'loses what it had open to the servers of the mesh',
    async () => {
      const thief = staticIdentity(await somebody('watcher'));
      const server = parseAddress(addresses['ca'] ?? '');
      const client = grpcClient(TrustClient, server, { kind: 'tls', identity: thief, expect: () => true });
      const stream = client.watchBundle({});
      const ended = new Promise((resolve) => stream.once('error', resolve));
      await once(stream, 'data');
      await revoke('--service-account', 'shop/watcher');
      const late = systemClock.sleep(promisedMs).then(() => 'late');
      expect(await Promise.race([ended, late])).toMatchObject({ code: 14 });
      client.close();
    },
    patienceMs,
  );
});

test(
  'whoever stands on a revoked root is out in time; who has renewed meanwhile comes in again',
  async () => {
    const before = await somebody('slow');
    const slow = await knock(before);
    expect(await ask(slow)).toBe(200);
    await tunnel();
    const change = async (...args: readonly string[]): Promise<Record<string, string>[]> => {
      const { code, stdout } = await run(['identity', ...args, '--output', 'json'], folder);
      expect(code).toBe(0);
      return stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, string>);
    };
    await change('rotate', '--wait', '0s');
    const listed = await change('authorities');
    const old = listed.find(({ state }) => state === 'old')?.['authority'] ?? '';
    await change('taint', old);
    // Everybody renews by themselves; then nobody is left on the old root but `slow`, and the operator can see it.
    await moved(old);
    await change('revoke', '--authority', old);
    await endsInTime(slow);
    expect(await ask(await knock(before))).toBeUndefined();
    expect(await ask(await knock(await somebody('slow')))).toBe(200);
    await tunnel();
    const metrics = await (await fetch(`http://${addresses['caAdmin'] ?? ''}/metrics`)).text();
    expect(metrics).toMatch(/^garrison_ca_live_certificates\{authority="[0-9a-f]+",state="active"\} [1-9]/m);
    expect(metrics).not.toContain(old);
    const page = await (await fetch(`http://${addresses['caAdmin'] ?? ''}/authorities`)).json();
    expect(page).toMatchObject([{ state: 'active' }]);

    async function moved(authority: string): Promise<void> {
      for (;;) {
        const users = await change('authorities', '--identities', '--authority', authority);
        const still = users.flatMap(({ identity, ...use }) =>
          'moved' in use && !use['moved'] ? [identity ?? ''] : [],
        );
        if (still.some((id) => /\/sa\/(server|client)$|\/garrison\//.test(id))) continue;
        // Nobody but those of this test, who renew nothing.
        expect(still).toContain('spiffe://cluster.local/ns/shop/sa/slow');
        return;
      }
    }
  },
  patienceMs,
);

test(
  'a server that was revoked is left by the sidecars of its clients',
  async () => {
    const kept = await tunnel();
    const source: IdentitySource = staticIdentity(await somebody('server'));
    expect(source.current().spiffeId.path).toBe('/ns/shop/sa/server');
    await revoke('--service-account', 'shop/server');
    expect(await ask(kept)).toBe(502);
  },
  patienceMs,
);
