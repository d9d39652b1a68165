import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer as createTlsServer } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Identity } from '#runtime/identity-source.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { exchangeRaw, plainSocket } from '#test/fakes/raw-http.ts';
import {
  type RunningSidecar,
  type World,
  anyPort,
  serviceEntry,
  spiffeIdOf,
  startWorld,
} from '#test/fakes/sidecar-world.ts';

let world: World;
let client: RunningSidecar;

beforeAll(async () => {
  world = await startWorld();
  client = await world.sidecar({ serviceAccount: 'caller', outbound: { listen: anyPort } });
});

afterAll(async () => world[Symbol.asyncDispose]());

const ask = async (host: string, line = 'GET / HTTP/1.1') =>
  exchangeRaw(await plainSocket(client.outboundPort), `${line}\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);

async function inForce(documents: string): Promise<void> {
  const marker = serviceEntry(`marker-${documents.length}.shop`, 'nobody', [1]);
  world.push(documents + marker);
  while ((await ask(`marker-${documents.length}.shop`)).status === 502) await new Promise(setImmediate);
}

/** A TLS server with an identity, right or wrong; counts the requests that get as far as it. */
async function impostor(identity: Identity): Promise<{ port: number; heard: string[] }> {
  const heard: string[] = [];
  const server = createTlsServer({ ...secureContextOptions(identity), requestCert: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      heard.push(data.toString());
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
    });
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.keep({ [Symbol.asyncDispose]: () => Promise.resolve(void server.close()) });
  return { port: (server.address() as AddressInfo).port, heard };
}

describe('secure naming', () => {
  test('a server with the named identity gets the request', async () => {
    const { port, heard } = await impostor(await world.pki.identity(spiffeIdOf('web')));
    await inForce(serviceEntry('web.shop', 'web', [port]));
    expect((await ask('web.shop')).status).toBe(200);
    expect(heard).toHaveLength(1);
  });

  test('a server with another identity gets nothing, and the answer says whom it met', async () => {
    const { port, heard } = await impostor(await world.pki.identity(spiffeIdOf('evil')));
    await inForce(serviceEntry('web.shop', 'web', [port]));
    const answer = await ask('web.shop');
    expect(answer.status).toBe(502);
    expect(answer.text).toContain('the server is `spiffe://cluster.local/ns/shop/sa/evil`');
    expect(answer.text).toContain('name `spiffe://cluster.local/ns/shop/sa/web`');
    expect(heard).toEqual([]);
  });

  test('the right name by another authority is nobody', async () => {
    const { port, heard } = await impostor(await (await TestPki.create('elsewhere')).identity(spiffeIdOf('web')));
    await inForce(serviceEntry('web.shop', 'web', [port]));
    expect((await ask('web.shop')).status).toBe(502);
    expect(heard).toEqual([]);
  });

  test('CVE-2020-15104: a DNS name is no identity, least of all with a wildcard', async () => {
    const names = [
      { type: 'dns', value: '*.shop' },
      { type: 'dns', value: 'web.shop' },
    ] as const;
    const { port, heard } = await impostor(await world.pki.identity(spiffeIdOf('web'), { names: [...names] }));
    await inForce(serviceEntry('web.shop', 'web', [port]));
    expect((await ask('web.shop')).status).toBe(502);
    expect(heard).toEqual([]);
  });

  test('a service without a named identity cannot be verified, hence not be called', async () => {
    await inForce(serviceEntry('web.shop', 'web', [1]).replace(', serviceAccount: web', ''));
    const answer = await ask('web.shop');
    expect(answer.status).toBe(502);
    expect(answer.text).toContain('serviceAccount');
  });

  test('a change of the documents ends connections made under the old ones', async () => {
    const { port } = await impostor(await world.pki.identity(spiffeIdOf('web')));
    await inForce(serviceEntry('web.shop', 'web', [port]));
    expect((await ask('web.shop')).status).toBe(200);
    await inForce(serviceEntry('web.shop', 'other', [port]));
    expect((await ask('web.shop')).status).toBe(502);
  });
});

describe('where a request goes', () => {
  test('an unknown host: what to do about it', async () => {
    const answer = await ask('nowhere.shop');
    expect(answer.status).toBe(502);
    expect(answer.text).toContain('no service document names `nowhere.shop`; write a ServiceEntry');
  });

  test('endpoints in turn, and around one that is dead', async () => {
    const apps = await Promise.all(
      ['a', 'b'].map((name) => world.application((_request, response) => response.end(name))),
    );
    const sidecars = await Promise.all(
      apps.map((app) =>
        world.sidecar({ serviceAccount: 'web', inbound: [{ listen: anyPort, app: app.address, protocol: 'http' }] }),
      ),
    );
    await inForce(serviceEntry('web.shop', 'web', [1, ...sidecars.map(({ inboundPort }) => inboundPort)]));
    const bodies = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const answer = await ask('web.shop');
      expect(answer.status).toBe(200);
      bodies.add(answer.text.slice(-1));
    }
    expect([...bodies].sort()).toEqual(['a', 'b']);
  });

  test('with every endpoint dead: 503 and why', async () => {
    await inForce(serviceEntry('web.shop', 'web', [1, 2]));
    const answer = await ask('web.shop');
    expect(answer.status).toBe(503);
    expect(answer.text).toContain('ECONNREFUSED');
  });

  test('outside of the mesh: plain HTTP', async () => {
    const app = await world.application((_request, response) => response.end('outside'));
    await inForce(serviceEntry('api.example', 'x', [app.address.port]).replace('MESH_INTERNAL', 'MESH_EXTERNAL'));
    expect((await ask('api.example')).text).toContain('outside');
    expect((await ask('api.example', 'GET http://api.example/ HTTP/1.1')).text).toContain('outside');
  });

  test('a kept connection that had gone stale is replaced for what may be repeated', async () => {
    let answered = 0;
    const app = await world.application((request, response) => {
      answered += 1;
      response.on('finish', () => setImmediate(() => request.socket.destroy()));
      response.end('ok');
    });
    await inForce(serviceEntry('api.example', 'x', [app.address.port]).replace('MESH_INTERNAL', 'MESH_EXTERNAL'));
    for (let i = 0; i < 20; i++) expect((await ask('api.example')).status).toBe(200);
    expect(answered).toBe(20);
  });

  test('CONNECT carries bytes to a service that speaks TCP', async () => {
    const echo = await import('node:net').then(({ createServer }) => createServer((socket) => socket.pipe(socket)));
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    world.keep({ [Symbol.asyncDispose]: () => Promise.resolve(void echo.close()) });
    const app = { host: '127.0.0.1', port: (echo.address() as AddressInfo).port };
    const db = await world.sidecar({ serviceAccount: 'db', inbound: [{ listen: anyPort, app, protocol: 'tcp' }] });
    await inForce(serviceEntry('db.shop', 'db', [db.inboundPort]));
    const socket = await plainSocket(client.outboundPort);
    socket.write('CONNECT db.shop:80 HTTP/1.1\r\nhost: db.shop:80\r\n\r\n');
    expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 200 /);
    socket.write('\x00bytes');
    expect(String((await once(socket, 'data'))[0])).toBe('\x00bytes');
    socket.end();
    await once(socket, 'close');
    expect(world.asked.at(-1)?.get('context.protocol')).toBe('tcp');
    expect(world.asked.at(-1)?.get('source.principal')).toBe('cluster.local/ns/shop/sa/caller');
    world.rule(() => ({ effect: 'deny' }));
    const denied = await exchangeRaw(
      await plainSocket(client.outboundPort),
      'CONNECT db.shop:80 HTTP/1.1\r\nhost: x\r\n\r\nhi',
    );
    expect(denied.text).not.toContain('hi');
    world.rule(() => ({}));
  });
});
