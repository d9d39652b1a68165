import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { get, plainSocket, tlsSocket } from '#test/fakes/raw-http.ts';
import {
  type RunningSidecar,
  type World,
  anyPort,
  peerAuthentication,
  spiffeIdOf,
  startWorld,
} from '#test/fakes/sidecar-world.ts';

let world: World;
let running: RunningSidecar;

beforeAll(async () => {
  world = await startWorld(peerAuthentication('STRICT'));
  const app = await world.application((_request, response) => response.end('hello'));
  running = await world.sidecar({
    serviceAccount: 'web',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'http' }],
  });
});

afterAll(async () => world[Symbol.asyncDispose]());

/** Documents reach the sidecar as an event of its own; what is awaited here is the page that tells of it. */
async function inForce(documents: string): Promise<void> {
  const before = await revisionNow();
  world.push(documents);
  while ((await revisionNow()) === before) await new Promise(setImmediate);
}

async function revisionNow(): Promise<unknown> {
  const page = await fetch(`http://127.0.0.1:${running.adminPort}/revision`);
  return ((await page.json()) as { revision: unknown }).revision;
}

const caller = () => world.pki.identity(spiffeIdOf('caller'));

describe('STRICT', () => {
  beforeAll(() => inForce(peerAuthentication('STRICT')));

  test('lets in who has an SVID of this mesh, over TLS 1.3 with the hybrid group', async () => {
    const socket = await tlsSocket(running.inboundPort, await caller());
    expect(socket.getProtocol()).toBe('TLSv1.3');
    expect((await get(socket)).text).toContain('hello');
  });

  test('refuses plaintext without a word, and audits it', async () => {
    const before = world.asked.length;
    expect((await get(await plainSocket(running.inboundPort))).text).toBe('');
    expect(world.asked.length).toBe(before);
  });

  test('refuses TLS without a certificate', async () => {
    expect((await get(await tlsSocket(running.inboundPort))).text).toBe('');
  });

  test('refuses TLS 1.2', async () => {
    const identity = await caller();
    await expect(tlsSocket(running.inboundPort, identity, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
  });
});

describe('PERMISSIVE', () => {
  beforeAll(() => inForce(peerAuthentication('PERMISSIVE')));

  test('takes plaintext as somebody without a name', async () => {
    expect((await get(await plainSocket(running.inboundPort))).text).toContain('hello');
    expect(world.asked.at(-1)?.get('source.principal')).toBeUndefined();
    expect(world.asked.at(-1)?.get('connection.mtls')).toBe(false);
  });

  test('and on the same port TLS as whom the certificate names', async () => {
    expect((await get(await tlsSocket(running.inboundPort, await caller()))).text).toContain('hello');
    expect(world.asked.at(-1)?.get('source.principal')).toBe('cluster.local/ns/shop/sa/caller');
    expect(world.asked.at(-1)?.get('source.namespace')).toBe('shop');
    expect(world.asked.at(-1)?.get('connection.mtls')).toBe(true);
  });

  test('a certificate that proves nothing is refused, not anonymous', async () => {
    const stranger = await (await TestPki.create('elsewhere')).identity(spiffeIdOf('caller'));
    expect((await get(await tlsSocket(running.inboundPort, stranger))).text).toBe('');
  });
});

describe('DISABLE', () => {
  beforeAll(() => inForce(peerAuthentication('DISABLE')));

  test('takes plaintext', async () => {
    expect((await get(await plainSocket(running.inboundPort))).text).toContain('hello');
  });

  test('refuses TLS', async () => {
    const identity = await caller();
    await expect(tlsSocket(running.inboundPort, identity)).rejects.toThrow();
  });
});

describe('an SVID of this mesh and nothing else', () => {
  beforeAll(() => inForce(peerAuthentication('STRICT')));

  const url = (value: string) => ({ type: 'url', value }) as const;
  test.each([
    ['another trust domain by our authority', { names: [url('spiffe://elsewhere.example/ns/shop/sa/caller')] }],
    ['two URI names', { names: [url(spiffeIdOf('caller')), url(spiffeIdOf('other'))] }],
    ['no URI name', { names: [{ type: 'dns', value: 'caller.shop' } as const] }],
    ['a trust domain without a path', { names: [url('spiffe://cluster.local')] }],
    ['no SPIFFE ID', { names: [url('https://caller.shop/')] }],
    ['a certificate authority', { ca: true }],
    ['no client authentication', { usages: ['1.3.6.1.5.5.7.3.1'] }],
    ['run out', { notAfter: new Date(Date.now() - 60_000) }],
  ])('%s', async (_name, options) => {
    const before = world.asked.length;
    const identity = await world.pki.identity(spiffeIdOf('caller'), options);
    const answer = await tlsSocket(running.inboundPort, identity).then(get, () => ({ text: '' }));
    expect(answer.text).toBe('');
    expect(world.asked.length).toBe(before);
  });

  test('every refusal is reported with its reason', async () => {
    while (
      !world.reported.some((bag) => JSON.stringify(bag.get('garrison.decision.reason') ?? '').includes('2 URI names'))
    ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const reasons = world.reported.map((bag) => JSON.stringify(bag.get('garrison.decision.reason') ?? ''));
    expect(reasons).toEqual(expect.arrayContaining([expect.stringContaining('plaintext where PeerAuthentication')]));
    expect(reasons).toEqual(expect.arrayContaining([expect.stringContaining('elsewhere.example')]));
  });
});

describe('before the first revision', () => {
  test('nobody gets in and the process says what it waits for', async () => {
    const lonely = await world.sidecar({
      serviceAccount: 'early',
      inbound: [{ listen: anyPort, app: anyPort, protocol: 'http' }],
      authz: { host: '127.0.0.1', port: 1 },
      ready: false,
    });
    const page = await fetch(`http://127.0.0.1:${lonely.adminPort}/readyz`);
    expect(page.status).toBe(503);
    expect(await page.json()).toMatchObject({ missing: ['revision'] });
    const socket = await plainSocket(lonely.inboundPort);
    if (!socket.closed) await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
  });
});
