import { once } from 'node:events';
import http2 from 'node:http2';
import { Agent, createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  anyone,
  memberOf,
  oneOf,
  peerOf,
  WorkloadIdentity,
  type Authorizer,
  type GarrisonError,
} from 'garrison/identity';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { WorkloadEndpoint, x509Message } from '#test/fakes/workload-endpoint.ts';

/** A process of its own trust domain, which may federate with the other. */
interface Party extends AsyncDisposable {
  readonly endpoint: WorkloadEndpoint;
  readonly identity: WorkloadIdentity;
}

const id = (name: string): string => `spiffe://${name}`;
let a: TestPki;
let b: TestPki;
let web: Party;
let db: Party;
let far: Party;
/** Has an identity of `b.org` that the authority of `a.org` has signed. */
let impostor: Party;

async function party(pki: TestPki, name: string, federated: Record<string, readonly string[]> = {}): Promise<Party> {
  const own = await pki.identity(id(name), { below: name.startsWith('b.org') });
  const endpoint = await new WorkloadEndpoint(x509Message([own], federated)).come();
  const identity = await WorkloadIdentity.connect({ endpoint: endpoint.address });
  const dispose = async (): Promise<void> => {
    await identity[Symbol.asyncDispose]();
    await endpoint[Symbol.asyncDispose]();
  };
  return { endpoint, identity, [Symbol.asyncDispose]: dispose };
}

beforeAll(async () => {
  // Of one name: whoever goes by names of issuers takes one for the other.
  [a, b] = [await TestPki.create('root'), await TestPki.create('root')];
  web = await party(a, 'a.org/web', { 'b.org': b.bundle });
  db = await party(a, 'a.org/db');
  far = await party(b, 'b.org/far', { 'a.org': a.bundle });
  impostor = await party(a, 'b.org/far', { 'a.org': a.bundle });
});
afterAll(async () => {
  for (const one of [web, db, far, impostor]) await one[Symbol.asyncDispose]();
});

interface Running extends AsyncDisposable {
  readonly port: number;
  readonly refused: GarrisonError[];
}

/** Tells every client who it is. */
async function serve({ identity }: Party, authorize: Authorizer | undefined): Promise<Running> {
  const server = createServer(identity.tlsServerOptions(), (incoming, response) => {
    response.end(String(peerOf(incoming.socket)));
  });
  if (authorize !== undefined) expect(identity.guard(server, authorize)).toBe(server);
  const refused: GarrisonError[] = [];
  const keep = (error: GarrisonError): void => void refused.push(error);
  identity.on('refused', keep);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dispose = async (): Promise<void> => {
    identity.off('refused', keep);
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { port: (server.address() as AddressInfo).port, refused, [Symbol.asyncDispose]: dispose };
}

async function get({ port }: Running, options: tls.ConnectionOptions, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, ...options, ...(agent && { agent }) }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve(text));
    });
    asked.on('error', reject).end();
  });
}

const ask = (server: Running, { identity }: Party, authorize: Authorizer = anyone()): Promise<string> =>
  get(server, identity.tlsClientOptions(authorize));

describe('mutual TLS', () => {
  test('tells each side who the other is', async () => {
    await using server = await serve(db, oneOf(id('a.org/web')));
    expect(await ask(server, web, oneOf(id('a.org/db'), id('a.org/x')))).toBe(id('a.org/web'));
  });

  test('goes across trust domains that federate', async () => {
    await using server = await serve(web, memberOf('b.org'));
    expect(await ask(server, far, memberOf('a.org'))).toBe(id('b.org/far'));
  });

  test('is refused by a server whose authorizer does not want the client', async () => {
    await using server = await serve(db, oneOf(id('a.org/other')));
    await expect(ask(server, web)).rejects.toThrow();
    expect(server.refused.map(({ code }) => code)).toEqual(['PERMISSION_DENIED']);
  });

  test('is refused by a client whose authorizer does not want the server', async () => {
    await using server = await serve(db, anyone());
    await expect(ask(server, web, oneOf(id('a.org/other')))).rejects.toThrow('a.org/db');
    await expect(ask(server, web, memberOf('b.org'))).rejects.toThrow('a.org/db');
  });

  test('is refused to trust domains that are not known', async () => {
    await using server = await serve(db, anyone());
    await expect(ask(server, far)).rejects.toThrow();
    await using other = await serve(far, anyone());
    await expect(ask(other, db)).rejects.toThrow();
  });

  test('believes an authority on its own trust domain only, though both are known', async () => {
    await using server = await serve(web, anyone());
    await expect(ask(server, impostor)).rejects.toThrow();
    expect(server.refused.map(({ message }) => message)).toEqual([expect.stringContaining('leads to no authority')]);
    await using lying = await serve(impostor, anyone());
    await expect(ask(lying, web)).rejects.toThrow('leads to no authority');
  });

  test('is refused by a server that nobody guards, and without a certificate', async () => {
    await using open = await serve(db, undefined);
    await expect(ask(open, web)).rejects.toThrow();
    await using server = await serve(db, anyone());
    await expect(get(server, { rejectUnauthorized: false })).rejects.toThrow();
  });

  test('is not shared by those who would not let each other in', async () => {
    await using server = await serve(db, anyone());
    const agent = new Agent({ keepAlive: true });
    const options = web.identity.tlsClientOptions(anyone());
    expect(await get(server, options, agent)).toBe(id('a.org/web'));
    expect(await get(server, options, agent)).toBe(id('a.org/web'));
    const other = web.identity.tlsClientOptions(oneOf(id('a.org/other')));
    await expect(get(server, other, agent)).rejects.toThrow('a.org/db');
    agent.destroy();
  });

  test('follows identity and roots on both sides', async () => {
    await using one = await party(a, 'a.org/one');
    await using two = await party(a, 'a.org/two');
    await using server = await serve(one, anyone());
    const options = two.identity.tlsClientOptions(anyone());
    expect(await get(server, options)).toBe(id('a.org/two'));
    const fresh = await TestPki.create('fresh');
    for (const [{ endpoint, identity }, name] of [
      [one, 'a.org/one'],
      [two, 'a.org/three'],
    ] as const) {
      const updated = once(identity, 'update');
      endpoint.say(x509Message([await fresh.identity(id(name))]));
      await updated;
    }
    expect(await get(server, options)).toBe(id('a.org/three'));
    await expect(ask(server, web)).rejects.toThrow();
  });
});

test('a server of node:http2 and one of node:tls are guarded too', async () => {
  const secure = db.identity.guard(http2.createSecureServer(db.identity.tlsServerOptions()), oneOf(id('a.org/web')));
  secure.on('stream', (stream) => {
    stream.respond();
    stream.end(String(peerOf(stream.session?.socket) ?? 'unknown'));
  });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  const { port } = secure.address() as AddressInfo;
  const session = http2.connect(`https://127.0.0.1:${port}`, web.identity.tlsClientOptions(anyone()));
  const stream = session.request({ ':path': '/' });
  const [chunk] = (await once(stream, 'data')) as [Buffer];
  expect(chunk.length).toBeGreaterThan(0);
  session.close();
  const refused = http2.connect(`https://127.0.0.1:${port}`, impostor.identity.tlsClientOptions(anyone()));
  refused.on('error', () => undefined);
  await once(refused, 'close');
  secure.close();

  const seen: string[] = [];
  const plain = tls.createServer(db.identity.tlsServerOptions(), (socket) => void seen.push(String(peerOf(socket))));
  db.identity.guard(plain, oneOf(id('a.org/web'))).listen(0, '127.0.0.1');
  await once(plain, 'listening');
  const options = { port: (plain.address() as AddressInfo).port, host: '127.0.0.1' };
  for (const one of [impostor, web]) {
    const socket = tls.connect({ ...options, ...one.identity.tlsClientOptions(anyone()) });
    socket.on('error', () => undefined).resume();
    if (one === web) await once(plain, 'secureConnection');
    socket.destroy();
    await once(socket, 'close');
  }
  expect(seen).toEqual([id('a.org/web')]);
  plain.close();
});
