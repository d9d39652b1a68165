import { once } from 'node:events';
import { createServer as createH2 } from 'node:http2';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { plainSocket, tlsSocket } from '#test/fakes/raw-http.ts';
import { type World, anyPort, spiffeIdOf, startWorld } from '#test/fakes/sidecar-world.ts';

let world: World;
/** Sidecars of protocol `auto`, before a server of HTTP, one that speaks first, one that repeats what it hears, and one of HTTP/2. */
const ports = { http: 0, greeter: 0, echo: 0, h2: 0 };
let heard = '';

const keepServer = async (server: Server | ReturnType<typeof createH2>): Promise<{ host: string; port: number }> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.keep({ [Symbol.asyncDispose]: () => Promise.resolve(void server.close()) });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
};

beforeAll(async () => {
  world = await startWorld();
  // What holds for requests only: whoever passes as TCP passes.
  world.rule((bag) => (bag.get('context.protocol') === 'tcp' ? {} : { effect: 'deny', httpStatus: 401 }));
  const behind = async (app: { host: string; port: number }): Promise<number> =>
    (await world.sidecar({ serviceAccount: 'web', inbound: [{ listen: anyPort, app, protocol: 'auto' }] })).inboundPort;
  const http = createServer((socket) => {
    // As lenient as they come: whatever arrives is served.
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        heard += chunk.toString('latin1');
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nSECRET');
      });
  });
  const greeter = createServer((socket) => {
    socket.on('error', () => undefined).write('220 ready\r\n');
    socket.on('data', (chunk) => socket.end(`heard ${chunk.toString('latin1')}`));
  });
  const echo = createServer((socket) => void socket.on('error', () => undefined).pipe(socket));
  const h2 = createH2((_request, response) => void response.end('SECRET'));
  Object.assign(ports, {
    http: await behind(await keepServer(http)),
    greeter: await behind(await keepServer(greeter)),
    echo: await behind(await keepServer(echo)),
    h2: await behind(await keepServer(h2)),
  });
});
afterAll(async () => world[Symbol.asyncDispose]());
beforeEach(() => {
  heard = '';
  world.asked.length = 0;
});

/** All that comes back, up to what is awaited or the end. */
async function until(socket: Socket, awaited: string): Promise<string> {
  let text = '';
  return new Promise((resolve) => {
    const done = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.on('close', done).on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes(awaited)) done();
    });
  });
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const identity = () => world.pki.identity(spiffeIdOf('caller'));
const transports = [
  ['plaintext', () => plainSocket(ports.http)],
  ['TLS without a certificate', () => tlsSocket(ports.http)],
  ['mutual TLS', async () => tlsSocket(ports.http, await identity())],
] as const;
const request = 'GET /secret HTTP/1.1\r\nhost: web.shop\r\nx-forwarded-client-cert: URI=root\r\n\r\n';

describe.each(transports)('over %s a request is one', (_name, open) => {
  test.each([
    ['behind an empty line of its own', ['\r\n', request]],
    ['behind many', ['\r\n'.repeat(21), request]],
    ['behind a space', [' ', request]],
    ['behind white space of every kind, piece by piece', ['\n', '\t', ' \r', '\n', request]],
    ['in one piece with a space', [` ${request}`]],
    ['with a method of many letters', [`${'A'.repeat(80)} /secret HTTP/1.1\r\nhost: web.shop\r\n\r\n`]],
    ['with another blank behind the method', ['GET\v/secret HTTP/1.1\r\nhost: web.shop\r\n\r\n']],
    ['with a preface that is none', ['PRI', ' /secret HTTP/1.1\r\nhost: web.shop\r\n\r\n']],
    [
      'behind a PROXY header',
      ['\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x0a\x00\x00\x01\x0a\x00\x00\x02\x00\x50\x00\x51', request],
    ],
  ])('%s', async (_what, pieces) => {
    const socket = await open();
    const answer = until(socket, '\r\n\r\n');
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) await pause(40);
      socket.write(Buffer.from(piece, 'latin1'));
    }
    expect(await answer).toMatch(/^(HTTP\/1\.1 (400|401|431|408) |$)/);
    expect(heard).toBe('');
    expect(world.asked.map((bag) => bag.get('context.protocol'))).not.toContain('tcp');
  });
});

describe('a client that is silent at first', () => {
  test('speaks TCP where the application speaks first', async () => {
    const socket = await tlsSocket(ports.greeter, await identity());
    expect(await until(socket, 'ready\r\n')).toBe('220 ready\r\n');
    const again = await tlsSocket(ports.greeter, await identity());
    again.once('data', () => again.write('EHLO me\r\n'));
    expect(await until(again, 'EHLO')).toContain('heard EHLO me');
  });

  test('and then asks for something asks by HTTP', async () => {
    const socket = await tlsSocket(ports.http, await identity());
    const answer = until(socket, '\r\n\r\n');
    await pause(3_300);
    socket.write('\r\n');
    await pause(100);
    socket.write(request);
    expect(await answer).toMatch(/^HTTP\/1\.1 401 /);
    expect(heard).toBe('');
  });

  test('and then says what is no HTTP speaks TCP', async () => {
    const socket = await tlsSocket(ports.echo, await identity());
    const answer = until(socket, 'there');
    await pause(3_300);
    socket.write('\0\0\0\x08there');
    expect(await answer).toBe('\0\0\0\x08there');
  });

  test('speaks no TCP where the application speaks HTTP/2, whose servers say so first', async () => {
    const socket = await tlsSocket(ports.h2, await identity());
    // A name for it in the handshake is what HTTP/2 over TLS takes (RFC 9113 §3.2).
    expect(await until(socket, '\r\n\r\n')).toMatch(/^HTTP\/1\.[01] 403 /);
  });
});

describe('a client that speaks first', () => {
  test.each([
    '*1\r\n$4\r\nPING\r\n',
    '\0\0\0\x08\x04\xd2\x16\x2f',
    '0\f\x02\x01\x01`\x07\x02\x01\x03\x04\0\x80\0',
    '\x16\x03\x01\0\x05hello',
  ])('in no HTTP is heard: %j', async (said) => {
    const socket = await tlsSocket(ports.echo, await identity());
    socket.write(Buffer.from(said, 'latin1'));
    expect(await until(socket, said)).toBe(said);
  });
});
