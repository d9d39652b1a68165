import { once } from 'node:events';
import { connect as connectH2 } from 'node:http2';
import { type Socket, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { exchangeRaw, get, plainSocket, tlsSocket } from '#test/fakes/raw-http.ts';
import { type RunningSidecar, type World, anyPort, spiffeIdOf, startWorld } from '#test/fakes/sidecar-world.ts';

const version1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n';
const version2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000207c6336401c82201bb', 'hex');
const local = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
const ofNobody = 'PROXY UNKNOWN\r\n';

let world: World;
let proxied: RunningSidecar;
let tcp: RunningSidecar;
let elsewhere: RunningSidecar;
let gateway: RunningSidecar;

beforeAll(async () => {
  world = await startWorld();
  const app = await world.application((request, response) =>
    response.end(`hello ${String(request.headers['x-forwarded-for'])}`),
  );
  const bytes = createServer((socket) => socket.pipe(socket));
  bytes.listen(0, '127.0.0.1');
  await once(bytes, 'listening');
  world.keep({ [Symbol.asyncDispose]: () => Promise.resolve(void bytes.close()) });
  const echo = { host: '127.0.0.1', port: (bytes.address() as AddressInfo).port };
  const proxyProtocol = { from: ['127.0.0.0/8'] };
  const limits = { handshakeMs: 400 };
  proxied = await world.sidecar({
    serviceAccount: 'web',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'auto', proxyProtocol }],
    limits,
  });
  tcp = await world.sidecar({
    serviceAccount: 'bytes',
    inbound: [{ listen: anyPort, app: echo, protocol: 'tcp', proxyProtocol }],
    limits,
  });
  elsewhere = await world.sidecar({
    serviceAccount: 'far',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'auto', proxyProtocol: { from: ['10.0.0.0/8'] } }],
    limits,
  });
  gateway = await world.sidecar({
    serviceAccount: 'door',
    gateway: true,
    inbound: [{ listen: anyPort, app: app.address, protocol: 'http', proxyProtocol }],
    limits,
  });
});

afterAll(async () => world[Symbol.asyncDispose]());
afterEach(() => void (world.asked.length = 0));

async function opened(port: number, header: string | Buffer): Promise<Socket> {
  const socket = await plainSocket(port);
  socket.write(header);
  return socket;
}

const mutual = async (port: number, header: string | Buffer): Promise<Socket> =>
  tlsSocket(port, await world.pki.identity(spiffeIdOf('caller')), { socket: await opened(port, header) });

/** What the last decision knew of the client. */
const client = (): unknown => world.asked.at(-1)?.get('garrison.source.proxied_ip');
const ip = (...bytes: number[]): Buffer => Buffer.from(bytes);

async function untilReported(part: string): Promise<void> {
  const reasons = (): string[] => world.reported.map((bag) => JSON.stringify(bag.get('garrison.decision.reason')));
  while (!reasons().some((reason) => reason.includes(part))) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe.each([
  ['version 1', version1],
  ['version 2', version2],
])('%s', (_version, header) => {
  test('before plain HTTP: the client is who was named, the direct peer stays who it is', async () => {
    expect((await get(await opened(proxied.inboundPort, header))).text).toContain('hello');
    expect(client()).toEqual(ip(192, 0, 2, 7));
    expect(world.asked.at(-1)?.get('source.ip')).toEqual(ip(127, 0, 0, 1));
    expect(world.asked.at(-1)?.get('destination.ip')).toEqual(ip(198, 51, 100, 1));
  });

  test('before mutual TLS: address from the header, identity from the certificate', async () => {
    expect((await get(await mutual(proxied.inboundPort, header))).text).toContain('hello');
    expect(client()).toEqual(ip(192, 0, 2, 7));
    expect(world.asked.at(-1)?.get('source.principal')).toBe('cluster.local/ns/shop/sa/caller');
  });

  test('before HTTP/2 over mutual TLS', async () => {
    const identity = await world.pki.identity(spiffeIdOf('caller'));
    const socket = await tlsSocket(proxied.inboundPort, identity, {
      socket: await opened(proxied.inboundPort, header),
      ALPNProtocols: ['h2'],
    });
    const session = connectH2('http://web.shop', { createConnection: () => socket });
    const request = session.request({ ':path': '/' });
    const [headers] = (await once(request, 'response')) as [{ ':status': number }];
    request.resume();
    session.destroy();
    // The application speaks HTTP/1.1 only: what counts is what was asked.
    expect(headers[':status']).toBeGreaterThanOrEqual(200);
    expect(client()).toEqual(ip(192, 0, 2, 7));
  });

  test('before bytes, plain and over mutual TLS: the application sees what follows and nothing else', async () => {
    for (const open of [opened, mutual]) {
      const socket = await open(tcp.inboundPort, header);
      socket.write('ping');
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      expect(chunk.toString()).toBe('ping');
      expect(client()).toEqual(ip(192, 0, 2, 7));
      socket.destroy();
    }
  });

  test('in pieces', async () => {
    const socket = await plainSocket(proxied.inboundPort);
    for (const byte of Buffer.from(header)) {
      socket.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    expect((await get(socket)).text).toContain('hello');
    expect(client()).toEqual(ip(192, 0, 2, 7));
  });

  test('from a peer that is no proxy is refused, and never believed', async () => {
    expect((await get(await opened(elsewhere.inboundPort, header))).text).toBe('');
    expect(world.asked).toEqual([]);
    await untilReported('PROXY header that nobody asked for');
  });

  test('of a client, behind that of the proxy, is refused', async () => {
    const socket = await opened(proxied.inboundPort, header);
    expect((await get(socket, '/', [])).text).toContain('hello');
    world.asked.length = 0;
    const second = await opened(proxied.inboundPort, Buffer.concat([Buffer.from(header), Buffer.from(header)]));
    expect((await get(second)).text).toBe('');
    expect(world.asked).toEqual([]);
  });

  test('at the door of the mesh, the named client is the hop that X-Forwarded-For gets', async () => {
    const answer = await get(await opened(gateway.inboundPort, header), '/', ['x-forwarded-for: 203.0.113.1']);
    expect(answer.text).toContain('hello 203.0.113.1, 192.0.2.7');
  });
});

test('a health check of the proxy itself is the proxy', async () => {
  expect((await get(await opened(proxied.inboundPort, local))).text).toContain('hello');
  expect(client()).toBeUndefined();
});

test('a client that the proxy does not know is nobody, and not the proxy', async () => {
  expect((await get(await opened(proxied.inboundPort, ofNobody))).text).toContain('hello');
  expect(client()).toEqual(ip(0, 0, 0, 0));
});

describe('a proxy that', () => {
  test.each<[string, string | Buffer, string]>([
    ['sends none', '', 'no PROXY header'],
    ['sends a broken one', 'PROXY TCP4 192.0.2.7\r\n', 'two addresses'],
    ['sends half of one before its request', 'PROXY TCP4 192.0.2.7 ', 'not TCP4'],
    [
      'sends one whose checksum is wrong',
      Buffer.concat([
        version2.subarray(0, 15),
        Buffer.from([0x13]),
        version2.subarray(16),
        Buffer.from([3, 0, 4, 1, 2, 3, 4]),
      ]),
      'checksum',
    ],
  ])('%s is refused, and the audit says why', async (_name, header, reason) => {
    world.reported.length = 0;
    expect((await get(await opened(proxied.inboundPort, header))).text).toBe('');
    expect(world.asked).toEqual([]);
    await untilReported(reason);
  });

  test('starts TLS at once is refused', async () => {
    await expect(tlsSocket(proxied.inboundPort)).rejects.toThrow();
    expect(world.asked).toEqual([]);
  });

  test.each([
    ['says nothing', ''],
    ['stalls within its header', version1.slice(0, 20)],
    ['stalls within a binary header', version2.subarray(0, 20)],
  ])('%s is cut off in time', async (_name, part) => {
    const socket = await opened(proxied.inboundPort, part);
    expect((await exchangeRaw(socket, '')).text).toBe('');
    await untilReported('no whole PROXY header came in time');
  });

  test('leaves within its header harms nobody', async () => {
    const socket = await opened(proxied.inboundPort, version1.slice(0, 20));
    socket.end();
    await once(socket, 'close');
    await untilReported('the PROXY header is cut off');
    expect((await get(await opened(proxied.inboundPort, version1))).text).toContain('hello');
  });
});

test('a peer that is no proxy is served without one', async () => {
  expect((await get(await plainSocket(elsewhere.inboundPort))).text).toContain('hello');
  expect(client()).toBeUndefined();
});
