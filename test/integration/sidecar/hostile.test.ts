import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Logger, silentLogger } from '#runtime/logger.ts';
import { exchangeRaw, get, plainSocket, tlsSocket } from '#test/fakes/raw-http.ts';
import { type RunningSidecar, type World, anyPort, spiffeIdOf, startWorld } from '#test/fakes/sidecar-world.ts';

let world: World;
let running: RunningSidecar;

beforeAll(async () => {
  world = await startWorld();
  const app = await world.application((_request, response) => response.end('hello'));
  running = await world.sidecar({
    serviceAccount: 'web',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'http' }],
    limits: { handshakeMs: 300, headersMs: 400, idleMs: 5_000 },
  });
});

afterAll(async () => world[Symbol.asyncDispose]());

const stillServes = async (): Promise<void> => {
  expect((await get(await plainSocket(running.inboundPort))).text).toContain('hello');
};

const reasons = (): string[] => world.reported.map((bag) => JSON.stringify(bag.get('garrison.decision.reason')));

async function untilReported(part: string): Promise<void> {
  while (!reasons().some((reason) => reason.includes(part))) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a peer that', () => {
  test('sends half a TLS record and stalls is cut off, and the audit says why', async () => {
    const socket = await plainSocket(running.inboundPort);
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    await once(socket, 'close');
    await untilReported('handshake');
    await stillServes();
  });

  test('connects and says nothing is cut off', async () => {
    await once(await plainSocket(running.inboundPort), 'close');
    await stillServes();
  });

  test('never finishes its head is cut off with 408', async () => {
    const socket = await plainSocket(running.inboundPort);
    const answer = await exchangeRaw(socket, 'GET / HTTP/1.1\r\nhost: web.shop\r\nx-slow: ');
    expect([0, 408]).toContain(answer.status);
    await stillServes();
  });

  test('sends a header of 10 MB gets 431 and costs no memory', async () => {
    const socket = await plainSocket(running.inboundPort);
    const before = process.memoryUsage().rss;
    const answer = await exchangeRaw(
      socket,
      `GET / HTTP/1.1\r\nhost: web.shop\r\nx-big: ${'a'.repeat(10 << 20)}\r\n\r\n`,
    );
    // A client that is still writing may lose the answer to the reset that follows it.
    expect([0, 431]).toContain(answer.status);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
    await stillServes();
  });

  test('sends too many header lines gets 431', async () => {
    const lines = Array.from({ length: 300 }, (_, index) => `x-${index}: 1\r\n`).join('');
    const answer = await exchangeRaw(
      await plainSocket(running.inboundPort),
      `GET / HTTP/1.1\r\nhost: a\r\n${lines}\r\n`,
    );
    expect(answer.status).toBe(431);
  });

  test('sends rubbish after a good handshake gets 400', async () => {
    const socket = await tlsSocket(running.inboundPort, await world.pki.identity(spiffeIdOf('caller')));
    expect((await exchangeRaw(socket, '\x00\x01\x02\x03')).status).toBe(400);
    await untilReported('not readable');
  });

  test('breaks off during the handshake harms nobody', async () => {
    for (let length = 1; length < 40; length += 7) {
      const socket = await plainSocket(running.inboundPort);
      socket.end(Buffer.concat([Buffer.from([0x16, 0x03, 0x01]), Buffer.alloc(length, length)]));
      await once(socket, 'close');
    }
    await stillServes();
  });

  test('pipelines without end is cut off', async () => {
    world.rule(() => new Promise((resolve) => setTimeout(() => resolve({}), 50)));
    const socket = await plainSocket(running.inboundPort);
    const many = 'GET / HTTP/1.1\r\nhost: web.shop\r\n\r\n'.repeat(5_000);
    const answer = await exchangeRaw(socket, many);
    expect(answer.text.match(/200 OK/g)?.length ?? 0).toBeLessThan(100);
    world.rule(() => ({}));
    await stillServes();
  });
});

describe('a flood of connections that are refused', () => {
  test('fills neither log nor audit, and every one is counted', async () => {
    const lines: { event: string; unsaid: unknown }[] = [];
    const collect: Logger = {
      ...silentLogger,
      warn: (event, fields) => void lines.push({ event, unsaid: fields?.['unsaid'] }),
    };
    const flooded = await world.sidecar({
      serviceAccount: 'flooded',
      inbound: [{ listen: anyPort, app: anyPort, protocol: 'http' }],
      logger: collect,
    });
    const before = world.reported.length;
    const rubbish = Buffer.from([0x16, 0x03, 0x01, 0x00, 0x05, 0xff, 0x00, 0x00, 0x01, 0x00]);
    for (let round = 0; round < 20; round++) {
      const sockets = await Promise.all(Array.from({ length: 25 }, () => plainSocket(flooded.inboundPort)));
      await Promise.all(sockets.map(async (socket) => (await exchangeRaw(socket, rubbish)).text));
    }
    const page = await fetch(`http://127.0.0.1:${flooded.adminPort}/metrics`);
    expect(await page.text()).toContain('garrison_sidecar_refused_connections_total{transport="tls"} 500');
    const refusals = lines.filter(({ event }) => event === 'connection refused');
    expect(refusals.length).toBeGreaterThanOrEqual(20);
    expect(refusals.length).toBeLessThan(100);
    await flooded.sidecar[Symbol.asyncDispose]();
    expect(world.reported.length - before).toBeLessThan(450);
    await stillServes();
  });
});
