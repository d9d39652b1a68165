import { once } from 'node:events';
import { type IncomingMessage, createServer } from 'node:http';
import {
  type ClientHttp2Session,
  type OutgoingHttpHeaders,
  connect,
  createServer as createHttp2Server,
} from 'node:http2';
import { type AddressInfo, type Server, createServer as createNetServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { outcomeOf, preface, stepFrames } from '#test/fakes/raw-h2.ts';
import { plainSocket } from '#test/fakes/raw-http.ts';
import { type World, anyPort, serviceEntry, startWorld } from '#test/fakes/sidecar-world.ts';

let world: World;
let session: ClientHttp2Session;
let port: number;
let inboundPort: number;
let older: Server;
let heard: string[] = [];

const bodyOf = async (message: AsyncIterable<Buffer>): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

function olderApplication(): Server {
  return createServer((incoming: IncomingMessage, response) => {
    void bodyOf(incoming).then(
      (body) => {
        heard.push(
          `${incoming.httpVersion} ${String(incoming.method)} ${String(incoming.url)} ${String(incoming.headers.host)}`,
        );
        response.writeHead(201, { 'x-one': '1', connection: 'keep-alive' }).end(`got ${body}`);
      },
      () => undefined,
    );
  });
}

beforeAll(async () => {
  world = await startWorld();
  older = olderApplication().listen(0, '127.0.0.1');
  await once(older, 'listening');
  ({ port } = older.address() as AddressInfo);
  const app = { host: '127.0.0.1', port };
  const served = { serviceAccount: 'web', inbound: [{ listen: anyPort, app, protocol: 'auto' as const }] };
  const server = await world.sidecar(served);
  ({ inboundPort } = server);
  world.push(serviceEntry('web.shop', 'web', [inboundPort]));
  const { outboundPort } = await world.sidecar({ serviceAccount: 'caller', outbound: { listen: anyPort } });
  session = connect(`http://127.0.0.1:${outboundPort}`);
});

afterAll(async () => {
  session.destroy();
  older.close();
  await world[Symbol.asyncDispose]();
});

async function ask(more: OutgoingHttpHeaders = {}, body?: string) {
  const head = { ':authority': 'web.shop', ':path': '/x', ...more };
  const stream = session.request(head, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [headers] = (await once(stream, 'response')) as [Record<string, string | number>];
  return { headers, status: Number(headers[':status']), text: await bodyOf(stream) };
}

describe('an application that speaks HTTP/1.1 only, asked over HTTP/2', () => {
  test('is asked in HTTP/1.1, with a body too, and each request reaches it once', async () => {
    heard = [];
    expect(await ask({ ':method': 'POST', 'x-a': '1' }, 'first')).toMatchObject({ status: 201, text: 'got first' });
    const all = await Promise.all(['a', 'b', 'c'].map((body) => ask({ ':method': 'POST' }, body)));
    expect(all.map(({ text }) => text)).toEqual(['got a', 'got b', 'got c']);
    const { status, headers } = await ask();
    expect(status).toBe(201);
    expect(headers).toMatchObject({ 'x-one': '1' });
    expect(headers).not.toHaveProperty('connection');
    expect(heard).toEqual([...Array<string>(4).fill('1.1 POST /x web.shop'), '1.1 GET /x web.shop']);
  });

  test.each([
    ['longer', '3', 'abcGET /admin HTTP/1.1\r\nhost: web.shop\r\n\r\n'],
    ['shorter', '30', 'abc'],
  ])('a body that is %s than its length does not become another request', async (_, length, data) => {
    heard = [];
    const socket = await plainSocket(inboundPort);
    const headers = [
      ...([
        [':method', 'POST'],
        [':path', '/x'],
        [':scheme', 'http'],
        [':authority', 'web.shop'],
      ] as const),
      ['content-length', length] as const,
    ];
    socket.write(Buffer.concat([preface, stepFrames({ headers }), stepFrames({ data, end: true })]));
    await outcomeOf(socket);
    socket.destroy();
    expect(await ask()).toMatchObject({ status: 201, text: 'got ' });
    expect(heard.filter((line) => line !== '1.1 GET /x web.shop')).toEqual([]);
  });

  test('gRPC has no older form: the caller is told', async () => {
    const { headers } = await ask({ ':method': 'POST', 'content-type': 'application/grpc' }, '');
    expect(headers).toMatchObject({ 'grpc-status': '14' });
    expect(headers['grpc-message']).toBe('the service behind this sidecar does not speak HTTP/2');
  });

  test('one that speaks HTTP/2 in its place is asked so', async () => {
    older.close();
    (older as unknown as { closeAllConnections(): void }).closeAllConnections();
    await once(older, 'close');
    const newer = createHttp2Server((incoming, response) => {
      response.end(incoming.httpVersion);
    }).listen(port, '127.0.0.1');
    await once(newer, 'listening');
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push(await ask());
    expect(statuses.at(-1)).toMatchObject({ status: 200, text: '2.0' });
    newer.close();
  });
});

test('an application that hangs up on both is an outage', async () => {
  const rude = createNetServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(rude, 'listening');
  const app = { host: '127.0.0.1', port: (rude.address() as AddressInfo).port };
  const sidecar = await world.sidecar({
    serviceAccount: 'rude',
    inbound: [{ listen: anyPort, app, protocol: 'auto' }],
  });
  world.push(serviceEntry('rude.shop', 'rude', [sidecar.inboundPort]));
  let answer = await ask({ ':authority': 'rude.shop' });
  while (answer.text.includes('no service document')) answer = await ask({ ':authority': 'rude.shop' });
  expect(answer).toMatchObject({ status: 502, text: 'the service behind this sidecar broke off' });
  rude.close();
});
