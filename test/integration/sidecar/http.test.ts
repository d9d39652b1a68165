import { once } from 'node:events';
import { type IncomingMessage, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createNetServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { exchangeRaw, plainSocket } from '#test/fakes/raw-http.ts';
import {
  type RunningSidecar,
  type World,
  anyPort,
  peerAuthentication,
  serviceEntry,
  startWorld,
} from '#test/fakes/sidecar-world.ts';

let world: World;
let server: RunningSidecar;
let client: RunningSidecar;
let serve: RequestListener;
const connections = new Set<unknown>();

beforeAll(async () => {
  world = await startWorld();
  const app = await world.application((incoming, response) => serve(incoming, response));
  app.server.on('connection', (socket) => connections.add(socket));
  app.server.on('checkContinue', (incoming, response) => serve(incoming, response));
  app.server.on('upgrade', (incoming: IncomingMessage, socket) => {
    socket.on('error', () => undefined);
    if (incoming.url === '/refused') {
      socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno');
      return;
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
  server = await world.sidecar({
    serviceAccount: 'web',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'auto' }],
  });
  client = await world.sidecar({ serviceAccount: 'caller', outbound: { listen: anyPort } });
  const documents = peerAuthentication('STRICT') + serviceEntry('web.shop', 'web', [server.inboundPort]);
  world.push(documents);
  while ((await raw('GET / HTTP/1.0\r\nhost: web.shop\r\n\r\n')).status === 502) await new Promise(setImmediate);
});

afterAll(async () => world[Symbol.asyncDispose]());
afterEach(() => world.rule(() => ({})));

const raw = async (text: string) => exchangeRaw(await plainSocket(client.outboundPort), text);

/** One request on a connection that closes after it. */
const once1 = (head: string, body = '') => raw(`${head}\r\nhost: web.shop\r\nconnection: close\r\n\r\n${body}`);

serve = (_incoming, response) => response.end('hello');

describe('through a pair of sidecars', () => {
  test('a request and its answer', async () => {
    serve = (incoming, response) => {
      response.writeHead(201, 'Made', ['x-one', '1', 'set-cookie', 'a=1', 'set-cookie', 'b=2']);
      response.end(`${String(incoming.method)} ${String(incoming.url)} ${String(incoming.headers.host)}`);
    };
    const { status, text } = await once1('GET /a//b/../c?q=%2f&r=1 HTTP/1.1');
    expect(status).toBe(201);
    expect(text).toMatch(/^HTTP\/1.1 201 Made\r\n/);
    expect(text).toContain('set-cookie: a=1\r\nset-cookie: b=2\r\n');
    expect(text).toContain('GET /a/c?q=%2f&r=1 web.shop');
  });

  test('the authorization service is asked once, by the side that is called', async () => {
    serve = (_incoming, response) => response.end();
    const before = world.asked.length;
    await once1('GET /x HTTP/1.1\r\nx-role: user\r\nx-role: admin');
    expect(world.asked.length).toBe(before + 1);
    const bag = world.asked.at(-1)!;
    expect(bag.get('source.principal')).toBe('cluster.local/ns/shop/sa/caller');
    expect(bag.get('destination.principal')).toBe('cluster.local/ns/shop/sa/web');
    expect(bag.get('request.host')).toBe('web.shop');
    expect(bag.get('connection.requested_server_name')).toBe('web.shop');
    expect(bag.get('destination.service.host')).toBe('web.shop');
    expect((bag.get('request.headers') as Map<string, string>).get('x-role')).toBe('user,admin');
    expect((bag.get('garrison.request.repeated_headers') as Map<string, string>).get('x-role')).toBe('user\nadmin');
  });

  test('what a client claims of itself is dropped on the way, and who it is comes from its certificate', async () => {
    let seen: IncomingMessage['headers'] = {};
    serve = (incoming, response) => {
      seen = incoming.headers;
      response.end();
    };
    const claims = [
      'x-istio-attributes: Zm9yZ2Vk',
      'x-envoy-original-path: /public',
      'x-garrison-decision: mine',
      'x-forwarded-client-cert: URI=spiffe://cluster.local/ns/shop/sa/admin',
      'connection: close, x-internal',
      'x-internal: 1',
    ];
    await raw(`GET /x HTTP/1.1\r\nhost: web.shop\r\n${claims.join('\r\n')}\r\n\r\n`);
    expect(Object.keys(seen).filter((name) => /istio|envoy|garrison|internal/.test(name))).toEqual([]);
    expect(seen['x-forwarded-client-cert']).toMatch(
      /^By=spiffe:\/\/cluster.local\/ns\/shop\/sa\/web;Hash=[0-9a-f]{64};URI=spiffe:\/\/cluster.local\/ns\/shop\/sa\/caller$/,
    );
    const told = world.asked.at(-1)!.get('request.headers') as Map<string, string>;
    expect([...told.keys()].filter((name) => /istio|envoy|garrison|internal/.test(name))).toEqual([]);
  });

  test('a denial: status, text and decision id, and the application hears nothing', async () => {
    let heard = 0;
    serve = (_incoming, response) => {
      heard += 1;
      response.end();
    };
    world.rule(() => ({ effect: 'deny', policy: 'shop/no' }));
    const { status, text } = await once1('GET /secret HTTP/1.1');
    expect(status).toBe(403);
    expect(text).toContain('content-type: text/plain\r\n');
    expect(text).toMatch(/x-garrison-decision: decision-[0-9]+\r\n/);
    expect(text).not.toContain('shop/no');
    expect(text.endsWith('\r\n\r\nRBAC: access denied')).toBe(true);
    world.rule(() => ({ effect: 'deny', httpStatus: 401, code: 16 }));
    expect((await once1('GET / HTTP/1.1')).status).toBe(401);
    expect(heard).toBe(0);
  });

  test('a refusal in the words of a provider reaches the caller, and only its words do', async () => {
    world.rule(() => ({
      effect: 'deny',
      httpStatus: 403,
      directive: {
        requestHeaderOperations: [],
        responseHeaderOperations: [
          { name: 'content-type', value: 'application/json', operation: 2 },
          { name: 'x-risk-reason', value: 'too much', operation: 2 },
          { name: 'transfer-encoding', value: 'chunked', operation: 2 },
          { name: 'x-garrison-decision', value: 'forged', operation: 2 },
        ],
        directResponseCode: 429,
        directResponseBody: '{"risk":"high"}',
      },
    }));
    const { status, text } = await once1('GET /pay HTTP/1.1');
    expect(status).toBe(429);
    expect(text).toContain('content-type: application/json\r\n');
    expect(text).toContain('x-risk-reason: too much\r\n');
    expect(text).toMatch(/x-garrison-decision: decision-[0-9]+\r\n/);
    expect(text).not.toMatch(/text\/plain|chunked|forged/);
    expect(text.endsWith('\r\n\r\n{"risk":"high"}')).toBe(true);
  });

  test('header changes and an answer in the place of the service', async () => {
    serve = (incoming, response) => {
      response.setHeader('server', 'secret');
      response.end(String(incoming.headers['x-claim']));
    };
    const none = { directResponseCode: 0, directResponseBody: '' };
    world.rule(() => ({
      directive: {
        ...none,
        requestHeaderOperations: [{ name: 'x-claim', value: 'verified', operation: 0 }],
        responseHeaderOperations: [{ name: 'server', value: '', operation: 1 }],
      },
    }));
    const { text } = await once1('GET / HTTP/1.1\r\nx-claim: forged');
    expect(text).toContain('verified');
    expect(text).not.toContain('secret');
    const direct = { directResponseCode: 302, directResponseBody: 'elsewhere' };
    world.rule(() => ({ directive: { ...direct, requestHeaderOperations: [], responseHeaderOperations: [] } }));
    expect((await once1('GET / HTTP/1.1')).status).toBe(302);
  });

  test('connections are kept, both ways', async () => {
    serve = (_incoming, response) => response.end('ok');
    const before = connections.size;
    const socket = await plainSocket(client.outboundPort);
    const one = 'GET / HTTP/1.1\r\nhost: web.shop\r\n\r\n';
    const { text } = await exchangeRaw(
      socket,
      one.repeat(9) + one.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'),
    );
    expect(text.match(/HTTP\/1.1 200 OK/g)).toHaveLength(10);
    expect(connections.size - before).toBeLessThanOrEqual(1);
  });

  test('pipelined requests are answered in order', async () => {
    serve = (incoming, response) =>
      setTimeout(() => response.end(`<${String(incoming.url)}>`), incoming.url === '/1' ? 30 : 0);
    const lines = ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nhost: web.shop\r\n`);
    const { text } = await raw(`${lines.join('\r\n')}connection: close\r\n\r\n`);
    expect([...text.matchAll(/<(.*?)>/g)].map(([, path]) => path)).toEqual(['/1', '/2', '/3']);
  });

  test('chunked bodies with trailers, both ways', async () => {
    serve = (incoming, response) => {
      response.writeHead(200, { trailer: 'x-sum' });
      incoming.on('data', (chunk: Buffer) => response.write(chunk));
      incoming.on('end', () => {
        response.addTrailers({ 'x-sum': incoming.trailers['x-check'] ?? 'none' });
        response.end();
      });
    };
    const body = '5\r\nhello\r\n6\r\n world\r\n0\r\nx-check: 11\r\n\r\n';
    const { text } = await once1('POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntrailer: x-check', body);
    expect(text.split('\r\n\r\n').slice(1).join()).toMatch(/hello/);
    expect(text).toContain('x-sum: 11');
  });

  test('HEAD, 204 and 304 have no body', async () => {
    serve = (incoming, response) => {
      response.writeHead(incoming.url === '/none' ? 204 : incoming.url === '/same' ? 304 : 200, { 'x-length': '5' });
      response.end();
    };
    for (const line of ['HEAD / HTTP/1.1', 'GET /none HTTP/1.1', 'GET /same HTTP/1.1']) {
      expect((await once1(line)).text).toMatch(/x-length: 5\r\n(.*\r\n)*\r\n$/);
    }
  });

  test('a HEAD answer keeps the length it tells', async () => {
    serve = (_incoming, response) => {
      response.setHeader('content-length', '5');
      response.end();
    };
    expect((await once1('HEAD / HTTP/1.1')).text).toContain('content-length: 5\r\n');
  });

  test('HTTP/1.0 gets an answer without chunks that ends with the connection', async () => {
    serve = (_incoming, response) => {
      response.write('one ');
      response.end('two');
    };
    const { text } = await raw('GET / HTTP/1.0\r\nhost: web.shop\r\n\r\n');
    expect(text).not.toContain('chunked');
    expect(text.endsWith('\r\n\r\none two')).toBe(true);
  });

  test('interim answers go through, and 100 Continue comes from the application', async () => {
    serve = (incoming, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.writeContinue();
      incoming.on('data', () => undefined);
      incoming.on('end', () => response.end('done'));
    };
    const socket = await plainSocket(client.outboundPort);
    socket.write(
      'POST / HTTP/1.1\r\nhost: web.shop\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n',
    );
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('HTTP/1.1 100') && !text.includes('HTTP/1.1 200')) socket.write('hello');
    });
    await once(socket, 'close');
    expect(text).toMatch(
      /^HTTP\/1.1 103 .*\r\nlink: <\/style.css>.*\r\n\r\nHTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/i,
    );
    expect(text.endsWith('done') || text.includes('done')).toBe(true);
  });

  test('a denied request with Expect never sends its body', async () => {
    world.rule(() => ({ effect: 'deny' }));
    const { text } = await once1('POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 5');
    expect(text).toMatch(/^HTTP\/1.1 403 /);
  });

  test('an answer before the end of the request', async () => {
    serve = (_incoming, response) => response.writeHead(413).end('too much');
    const socket = await plainSocket(client.outboundPort);
    socket.write('POST / HTTP/1.1\r\nhost: web.shop\r\ncontent-length: 1000000\r\n\r\nstart');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1.1 413 /);
    await once(socket, 'close');
  });

  test('an upgrade to websocket becomes bytes both ways, after the check', async () => {
    const upgrade =
      'GET /chat HTTP/1.1\r\nhost: web.shop\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n';
    const socket = await plainSocket(client.outboundPort);
    socket.write(upgrade);
    const [head] = (await once(socket, 'data')) as [Buffer];
    expect(head.toString()).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n(.*\r\n)*upgrade: websocket/i);
    socket.write('ping');
    const [echoed] = (await once(socket, 'data')) as [Buffer];
    expect(echoed.toString()).toBe('ping');
    socket.end();
    await once(socket, 'close');
    world.rule(() => ({ effect: 'deny' }));
    expect((await raw(upgrade)).status).toBe(403);
    world.rule(() => ({}));
    expect((await raw(upgrade.replace('/chat', '/refused'))).text).toMatch(/^HTTP\/1.1 400 (.*\r\n)*\r\nno$/);
  });

  test('an upgrade to h2c is served as the plain request it also is', async () => {
    serve = (incoming, response) => response.end(String(incoming.headers.upgrade));
    const { text } = await once1(
      'GET / HTTP/1.1\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk',
    );
    expect(text).toContain('undefined');
  });

  test('an answer that is cut off is not made whole', async () => {
    serve = (_incoming, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    };
    const { text } = await once1('GET / HTTP/1.1');
    expect(text.endsWith('half')).toBe(true);
    serve = (_incoming, response) => {
      response.write('half', () => response.destroy());
    };
    expect((await once1('GET / HTTP/1.1')).text.endsWith('0\r\n\r\n')).toBe(false);
  });

  test('a client that leaves takes its request to the application with it', async () => {
    const leaving = request({ host: '127.0.0.1', port: client.outboundPort, headers: { host: 'web.shop' } });
    leaving.on('error', () => undefined);
    const left = new Promise<void>((resolve) => {
      serve = (incoming) => {
        incoming.on('close', resolve);
        leaving.destroy();
      };
    });
    leaving.end();
    await left;
  });
});

describe('an application that is no HTTP server of node', () => {
  test('an answer that ends with its connection', async () => {
    const app = createNetServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end'));
    });
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    const address = { host: '127.0.0.1', port: (app.address() as AddressInfo).port };
    const old = await world.sidecar({
      serviceAccount: 'old',
      inbound: [{ listen: anyPort, app: address, protocol: 'http' }],
    });
    world.push(
      peerAuthentication('STRICT') +
        serviceEntry('web.shop', 'web', [server.inboundPort]) +
        serviceEntry('old.shop', 'old', [old.inboundPort]),
    );
    const ask = () => raw('GET / HTTP/1.1\r\nhost: old.shop\r\nconnection: close\r\n\r\n');
    let answer = await ask();
    while (answer.status === 502) answer = await ask();
    expect(answer.text).toContain('until the end');
    app.close();
  });
});
