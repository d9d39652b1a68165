import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { type Socket, connect as connectTcp } from 'node:net';
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls';
import type { TcpAddress } from '#runtime/address.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { type Identity, staticIdentity } from '#runtime/identity-source.ts';
import { createLogger } from '#runtime/logger.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';
import { RotatableIdentity, TestPki } from '#test/fakes/mesh-pki.ts';

const serverId = 'spiffe://cluster.local/garrison/authz';
const clientId = 'spiffe://cluster.local/ns/default/sa/client';

let pki: TestPki;
let stranger: TestPki;
let own: Identity;
let caller: Identity;
beforeAll(async () => {
  [pki, stranger] = [await TestPki.create(), await TestPki.create('another root')];
  own = await pki.identity(serverId);
  caller = await pki.identity(clientId);
});

let log: string[];
let identity: RotatableIdentity;
let server: GrpcServer;
let required: TcpAddress;
let optional: TcpAddress;
const closing: { close(): void }[] = [];

beforeEach(async () => {
  log = [];
  identity = new RotatableIdentity(own);
  const logger = createLogger({ write: (line) => log.push(line) });
  server = new GrpcServer({ logger, handshakeTimeoutMs: 300, drainMs: 500 }).unary(
    echoService.unary,
    (_request, { peer }) => peer.spiffeId?.toString() ?? 'nobody',
  );
  const listen = (clientCertificate: 'require' | 'optional') =>
    server.listen({ host: '127.0.0.1', port: 0 }, { kind: 'tls', identity, clientCertificate });
  required = (await listen('require')) as TcpAddress;
  optional = (await listen('optional')) as TcpAddress;
});

afterEach(async () => {
  for (const one of closing.splice(0)) one.close();
  await server[Symbol.asyncDispose]();
});

function clientOf(
  who: Identity | RotatableIdentity | undefined,
  address: TcpAddress,
  expected = '/garrison/authz',
): EchoClient {
  const source = who instanceof RotatableIdentity || who === undefined ? who : staticIdentity(who);
  const expect_ = (id: { path: string }): boolean => id.path === expected;
  const client = grpcClient(EchoClient, address, {
    kind: 'tls',
    identity: source,
    bundle: pki.bundle,
    expect: expect_,
  });
  closing.push(client);
  return client;
}

const whoAmI = (client: EchoClient, timeoutMs = 5000): Promise<string> =>
  callUnary(client.unary.bind(client), 'who am I', { timeoutMs });

const logged = (): string => log.join('');

describe('who may connect', () => {
  test('a workload of the mesh, known by its SPIFFE ID', async () => {
    expect(await whoAmI(clientOf(caller, required))).toBe(clientId);
    expect(await whoAmI(clientOf(caller, optional))).toBe(clientId);
  });

  test('nobody in particular, where that is allowed', async () => {
    expect(await whoAmI(clientOf(undefined, optional))).toBe('nobody');
    await expect(whoAmI(clientOf(undefined, required))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(logged()).toContain('the client shows no certificate');
  });

  // The bare minimum is right; then one thing is broken. Where a certificate is optional, a bad one is still refused.
  test.each([
    ['another root', () => stranger.identity(clientId), 'does not verify against the trust bundle'],
    ['expired', () => pki.identity(clientId, { notAfter: new Date(Date.now() - 1000) }), 'CERT_HAS_EXPIRED'],
    ['two URI names', () => pki.identity(clientId, { names: [uri(clientId), uri(clientId)] }), 'has 2 URI names'],
    ['no URI name', () => pki.identity(clientId, { names: [{ type: 'dns', value: 'a.test' }] }), 'has 0 URI names'],
    [
      'not a SPIFFE ID',
      () => pki.identity(clientId, { names: [uri('https://a.test/x')] }),
      'does not start with `spiffe://`',
    ],
    ['no path', () => pki.identity('spiffe://cluster.local'), 'names a trust domain, not a workload'],
    ['a CA', () => pki.identity(clientId, { ca: true }), 'is a certificate authority’s'],
    [
      'for servers only',
      () => pki.identity(clientId, { usages: ['1.3.6.1.5.5.7.3.1'] }),
      /not for client|INVALID_PURPOSE/,
    ],
    ['of another trust domain', () => pki.identity('spiffe://other.test/ns/a/sa/b'), 'is not of the trust domain'],
    [
      'a URI inside a DNS name',
      () => pki.identity(clientId, { names: [{ type: 'dns', value: `a, URI:${clientId}` }] }),
      'has 0 URI names',
    ],
  ])('not with a certificate that is %s', async (_name, make, reason) => {
    const wrong = { ...(await make()), bundle: pki.bundle };
    // The client side must not be what refuses.
    const client = clientOf({ ...wrong, spiffeId: caller.spiffeId }, optional);
    await expect(whoAmI(client)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(logged()).toMatch(typeof reason === 'string' ? new RegExp(escape(reason)) : reason);
  });

  test('not without HTTP/2, not with TLS 1.2, not by another group', async () => {
    await expect(handshake({ ALPNProtocols: ['http/1.1'] })).rejects.toThrow();
    await expect(handshake({ maxVersion: 'TLSv1.2' })).rejects.toThrow();
    await expect(handshake({ ecdhCurve: 'P-256' })).rejects.toThrow();
    const socket = await handshake({ ecdhCurve: 'X25519MLKEM768' });
    expect(socket.getProtocol()).toBe('TLSv1.3');
  });
});

describe('whom a client talks to', () => {
  test('a server that is another one gets no request', async () => {
    await expect(whoAmI(clientOf(caller, required, '/garrison/ca'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('which is not the one expected') as unknown,
    });
  });

  test('a server of another root gets no request', async () => {
    identity.rotate(await stranger.identity(serverId));
    await expect(whoAmI(clientOf(caller, required))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('rotation', () => {
  test('new connections meet the new identity of the server; open ones go on', async () => {
    const before = clientOf(caller, required);
    expect(await whoAmI(before)).toBe(clientId);
    identity.rotate(await pki.identity('spiffe://cluster.local/garrison/renewed'));
    expect(await whoAmI(before)).toBe(clientId);
    expect(await whoAmI(clientOf(caller, required, '/garrison/renewed'))).toBe(clientId);
    await expect(whoAmI(clientOf(caller, required))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('a client that rotates is known by its new identity at its next call, and no call fails', async () => {
    const source = new RotatableIdentity(caller);
    const client = clientOf(source, required);
    const names = new Set<string>();
    for (let round = 0; round < 5; round += 1) {
      source.rotate(await pki.identity(`spiffe://cluster.local/ns/default/sa/client-${round}`));
      for (const name of await Promise.all(Array.from({ length: 20 }, () => whoAmI(client)))) names.add(name);
    }
    expect(names.size).toBe(5);
  });

  test('a connection ends with the certificate that opened it, and the client opens another', async () => {
    const short = await pki.identity(clientId, { notAfter: new Date(Date.now() + 2000) });
    const socket = await handshake({ cert: short.certificates.join(''), key: short.privateKey });
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frameHead(0, 4, 0, 0)]));
    await closed(socket);
    expect(Date.now()).toBeGreaterThanOrEqual(short.expiresAt.getTime() - 1000);
    expect(logged()).not.toContain('no HTTP/2 settings in time');
  });
});

describe('slow and rude peers', () => {
  test('half a TLS record and then nothing: the connection is closed in time', async () => {
    const socket = connectTcp(required.port, '127.0.0.1');
    closing.push({ close: () => socket.destroy() });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01]));
    await closed(socket);
    expect(logged()).toContain('connection refused');
    expect(await whoAmI(clientOf(caller, required))).toBe(clientId);
  });

  test('a handshake and then nothing: the connection is closed in time', async () => {
    await closed(await handshake({}));
    expect(logged()).toContain('no HTTP/2 settings in time');
  });

  test('a header of 10 MB: the connection is closed, the server goes on', async () => {
    const socket = await handshake({});
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings]));
    // HEADERS without END_HEADERS, then CONTINUATION frames of a literal header that never ends.
    const literal = Buffer.from([0x00, 0x01, 0x61, 0x7f, 0xff, 0xff, 0xff, 0x07]);
    socket.write(Buffer.concat([frameHead(literal.length, 1, 0), literal]));
    const filler = Buffer.alloc(16_384, 0x61);
    const over = closed(socket);
    for (let sent = 0; sent < 10_485_760 && !socket.destroyed; sent += filler.length) {
      if (!socket.write(Buffer.concat([frameHead(filler.length, 9, 0), filler]))) {
        await Promise.race([once(socket, 'drain').catch(() => undefined), over]);
      }
    }
    await over;
    expect(await whoAmI(clientOf(caller, required))).toBe(clientId);
  });
});

function frameHead(length: number, type: number, flags: number, stream = 1): Buffer {
  return Buffer.from([length >> 16, (length >> 8) & 255, length & 255, type, flags, 0, 0, 0, stream]);
}

const uri = (value: string): { type: 'url'; value: string } => ({ type: 'url', value });
const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    else socket.once('close', () => resolve());
  });
}

async function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: required.port,
    ca: pki.bundle,
    cert: caller.certificates.join(''),
    key: caller.privateKey,
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
    ...options,
  });
  closing.push({ close: () => socket.destroy() });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  socket.resume();
  return socket;
}
