import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { frame, outcomeOf, preface, resetFrame, stepFrames } from '#test/fakes/raw-h2.ts';
import { get, plainSocket, tlsSocket } from '#test/fakes/raw-http.ts';
import {
  type RunningSidecar,
  type World,
  anyPort,
  spiffeIdOf,
  ruledBy,
  startWorld,
} from '#test/fakes/sidecar-world.ts';

let world: World;
let running: RunningSidecar;

const documents = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: no-secret, namespace: shop }
spec:
  action: DENY
  rules:
    - { when: [{ key: connection.sni, values: [secret.shop] }] }
    - { to: [{ operation: { hosts: [secret.shop] } }] }
    - { from: [{ source: { principals: [cluster.local/ns/shop/sa/guest] } }], to: [{ operation: { paths: [/admin] } }] }
`;

beforeAll(async () => {
  world = await startWorld();
  world.rule(ruledBy(documents));
  const app = await world.application((request, response) => {
    request.on('error', () => undefined);
    response.end(`heard from ${String(request.headers['x-forwarded-client-cert'])}`);
  });
  running = await world.sidecar({
    serviceAccount: 'web',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'auto' }],
    // However slow this machine is just now, only a check that cannot be made fails.
    checkTimeoutMs: 20_000,
    limits: { headersMs: 2_000 },
  });
});

afterAll(async () => world[Symbol.asyncDispose]());
afterEach(() => void (world.asked.length = 0));

const identityOf = (account: string) => world.pki.identity(spiffeIdOf(account));

/** A TLS connection that says another name than who it wants to talk to. */
async function named(servername: string): Promise<TLSSocket> {
  return tlsSocket(running.inboundPort, await identityOf('caller'), { servername, minVersion: 'TLSv1.3' });
}

describe('the name of the handshake', () => {
  test('CVE-2020-8660: is known of a client that speaks TLS 1.3 only', async () => {
    expect((await get(await named('secret.shop'))).status).toBe(403);
    expect((await get(await named('open.shop'))).status).toBe(200);
  });

  test('ours: and the Host that follows it are two things, and a rule about either holds', async () => {
    const withHost = async (servername: string, host: string): Promise<number> => {
      const socket = await named(servername);
      const closed = once(socket, 'close');
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
      await closed;
      return Number(/ ([0-9]{3}) /.exec(text)?.[1]);
    };
    expect(await withHost('open.shop', 'secret.shop')).toBe(403);
    expect(await withHost('secret.shop', 'open.shop')).toBe(403);
    expect(await withHost('open.shop', 'other.shop')).toBe(200);
  });
});

describe('an identity', () => {
  test('CVE-2022-21654: is proven in every handshake: no session is resumed, before or after the authority has changed', async () => {
    const identity = await identityOf('caller');
    const first = tlsConnect({
      host: '127.0.0.1',
      port: running.inboundPort,
      rejectUnauthorized: false,
      cert: identity.certificates.join('\n'),
      key: identity.privateKey,
    });
    let session: Buffer | undefined;
    first.on('session', (offered: Buffer) => (session = offered));
    await once(first, 'secureConnect');
    expect((await get(first)).status).toBe(200);
    session ??= first.getSession();
    const again = await tlsSocket(running.inboundPort, identity, session === undefined ? {} : { session });
    expect(again.isSessionReused()).toBe(false);
    expect((await get(again)).status).toBe(200);

    const own = running.identity.current();
    const elsewhere = await TestPki.create('another root');
    running.identity.rotate({ ...own, bundle: elsewhere.bundle });
    try {
      // Without its certificate a client has the session only.
      const resumed = await tlsSocket(running.inboundPort, undefined, session === undefined ? {} : { session });
      expect((await get(resumed)).text).not.toContain('heard from By');
      expect((await get(await tlsSocket(running.inboundPort, identity))).text).toBe('');
    } finally {
      running.identity.rotate(own);
    }
    expect((await get(await tlsSocket(running.inboundPort, identity))).status).toBe(200);
  });

  test('ours: belongs to its connection, though the one to the application is shared', async () => {
    const sockets = new Map<string, TLSSocket>();
    for (const account of ['guest', 'admin']) {
      sockets.set(account, await tlsSocket(running.inboundPort, await identityOf(account)));
    }
    for (let round = 0; round < 4; round++) {
      for (const [account, socket] of sockets) {
        for (const path of ['/about', '/admin']) {
          socket.write(`GET ${path} HTTP/1.1\r\nhost: web.shop\r\n\r\n`);
          const [chunk] = (await once(socket, 'data')) as [Buffer];
          const denied = account === 'guest' && path === '/admin';
          expect(chunk.toString('latin1')).toContain(denied ? 'HTTP/1.1 403' : `URI=${spiffeIdOf(account)}`);
          expect(world.asked.at(-1)?.get('source.principal')).toBe(`cluster.local/ns/shop/sa/${account}`);
        }
      }
    }
    for (const socket of sockets.values()) socket.destroy();
  });
});

describe('over HTTP/2, a client that', () => {
  const head = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/about'],
    [':authority', 'web.shop'],
  ] as const;

  const ended = (socket: Socket): Promise<void> =>
    new Promise((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())));

  async function flood(bytes: (index: number) => Buffer, rounds: number): Promise<void> {
    const socket = connect({ host: '127.0.0.1', port: running.inboundPort });
    socket.on('error', () => undefined).on('data', () => undefined);
    const closed = ended(socket);
    socket.write(preface);
    for (let index = 0; index < rounds && !socket.destroyed; index++) {
      if (!socket.write(bytes(index))) await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
    }
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 300))]);
    socket.destroy();
  }

  const stillServes = async (): Promise<void> => {
    expect((await get(await plainSocket(running.inboundPort))).status).toBe(200);
  };

  test('CVE-2023-44487: opens streams and resets them at once is cut off, and few of them are ever decided', async () => {
    await flood((index) => {
      const stream = index * 2 + 1;
      return Buffer.concat([stepFrames({ headers: head, end: true }, stream), resetFrame(stream)]);
    }, 20_000);
    expect(world.asked.length).toBeLessThan(1_500);
    await stillServes();
  });

  test('ours: never ends its head is cut off', async () => {
    const before = process.memoryUsage().rss;
    const opening = frame(0x1, 0x1, 1, Buffer.alloc(0));
    await flood((index) => (index === 0 ? opening : frame(0x9, 0, 1, Buffer.alloc(16_000, 'a'))), 5_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
    await stillServes();
  });

  test('ours: asks for answers without end to pings and settings harms nobody', async () => {
    await flood(() => Buffer.concat([frame(0x6, 0, 0, Buffer.alloc(8)), frame(0x4, 0, 0, '')]), 20_000);
    await stillServes();
  });

  test('ours: sends a frame that no stream may have is cut off', async () => {
    const socket = await plainSocket(running.inboundPort);
    const outcome = outcomeOf(socket);
    socket.write(Buffer.concat([preface, frame(0x0, 0x1, 1, 'data of a stream that was never opened')]));
    expect(await outcome).toBe('gone');
    socket.destroy();
    await stillServes();
  });
});
