import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { isUnix } from '#runtime/address.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';
import { RotatableIdentity, TestPki } from '#test/fakes/mesh-pki.ts';

let old: TestPki;
let next: TestPki;
let own: RotatableIdentity;
let server: GrpcServer;
let port: number;
let both: readonly string[];

const anyPort = { host: '127.0.0.1', port: 0 };
const id = (name: string): string => `spiffe://cluster.local/ns/shop/sa/${name}`;

beforeAll(async () => {
  [old, next] = [await TestPki.create(), await TestPki.create()];
  const first = await next.identity(id('server'));
  both = [...first.bundle, ...(await old.identity(id('x'))).bundle];
  own = new RotatableIdentity({ ...first, bundle: both });
  server = new GrpcServer({ logger: silentLogger });
  const tls = { kind: 'tls', identity: own, clientCertificate: 'require' } as const;
  const address = await server.listen(anyPort, tls);
  port = isUnix(address) ? 0 : address.port;
});
afterAll(() => server[Symbol.asyncDispose]());

/** A connection with its handshake over, and its end. */
async function open(identity: Identity): Promise<{ ended: Promise<unknown>; close: () => void }> {
  const tls = { ...secureContextOptions({ ...identity, bundle: both }), rejectUnauthorized: false };
  const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], ...tls });
  socket.on('error', () => undefined).resume();
  await once(socket, 'secureConnect');
  // The server speaks first in HTTP/2: it has taken us in.
  await once(socket, 'data');
  return { ended: once(socket, 'close'), close: () => socket.destroy() };
}

/** A connection half way in: the server holds it, and nothing of its handshake was said. */
async function halfWay(): Promise<Socket> {
  const socket = connectTcp(port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Goes on with a handshake that has begun; what comes of it. */
async function goOn(waiting: Socket, identity: Identity): Promise<'let in' | 'refused'> {
  const tls = { ...secureContextOptions({ ...identity, bundle: both }), rejectUnauthorized: false };
  const socket = connect({ socket: waiting, ALPNProtocols: ['h2'], ...tls }).on('error', () => undefined);
  const end = new AbortController();
  const { signal } = end;
  const outcome = await Promise.race([
    once(socket, 'data', { signal }).then(() => 'let in' as const),
    once(socket, 'close', { signal }).then(() => 'refused' as const),
  ]);
  end.abort();
  socket.destroy();
  return outcome;
}

test('a root that goes takes with it who stood on it, also who was half way in; others stay', async () => {
  const leaves = await open(await old.identity(id('old')));
  const stays = await open(await next.identity(id('new')));
  // They say nothing yet: their handshakes will end under the roots of their beginning.
  const [onOld, onNext] = [await halfWay(), await halfWay()];
  const also = await open(await next.identity(id('also')));
  own.rotate({ ...own.current(), bundle: both.slice(0, 1) });
  await leaves.ended;
  expect(await goOn(onOld, await old.identity(id('late')))).toBe('refused');
  expect(await goOn(onNext, await next.identity(id('in-time')))).toBe('let in');

  // A certificate that is revoked goes alone.
  const thief = await next.identity(id('thief'));
  const goes = await open(thief);
  const serial = new X509Certificate(thief.certificates[0] ?? '').serialNumber.toLowerCase().padStart(40, '0');
  own.rotate({ ...own.current(), revoked: new Set([serial]) });
  await goes.ended;
  const over = Promise.race([stays.ended, also.ended]).then(() => 'ended');
  expect(await Promise.race([over, Promise.resolve('open')])).toBe('open');
  for (const { close } of [stays, also]) close();
});

test('a client leaves a server that was revoked, with the streams it had open, and calls it no more', async () => {
  const pki = await TestPki.create();
  const thief = await pki.identity(id('thief'));
  await using echo = new GrpcServer({ logger: silentLogger, drainMs: 50 })
    .unary(echoService.unary, (text) => text)
    .serverStream(echoService.list, async function* (text, { signal }) {
      yield text;
      await once(signal, 'abort');
    });
  const tls = { kind: 'tls', identity: new RotatableIdentity(thief), clientCertificate: 'require' } as const;
  const address = await echo.listen(anyPort, tls);
  const caller = new RotatableIdentity(await pki.identity(id('caller')));
  const client = grpcClient(EchoClient, address, { kind: 'tls', identity: caller, expect: () => true });
  const stream = client.list('hello');
  const failed = once(stream, 'error', { signal: AbortSignal.timeout(10_000) });
  await once(stream, 'data');
  // Trust that grows, and an identity that renews, leave it alone.
  caller.rotate({ ...caller.current(), bundle: [...pki.bundle, ...(await TestPki.create()).bundle] });
  expect(await callUnary(client.unary.bind(client), 'still there')).toBe('still there');
  const serial = new X509Certificate(thief.certificates[0] ?? '').serialNumber.toLowerCase().padStart(40, '0');
  caller.rotate({ ...caller.current(), revoked: new Set([serial]) });
  stream.on('error', () => undefined);
  expect((await failed)[0]).toMatchObject({ code: 14, details: expect.stringContaining('was revoked') as unknown });
  await expect(callUnary(client.unary.bind(client), 'hello', { timeoutMs: 1000 })).rejects.toBeDefined();
  client.close();
});

test('an authority that is revoked under a root that stays takes with it who stands under its key; who half way in does, too', async () => {
  const [revoked, sound] = [await next.under('issuing 1'), await next.under('issuing 2')];
  const goes = await open(await revoked.identity(id('old')));
  const stays = [await open(await sound.identity(id('new'))), await open(await next.identity(id('direct')))];
  const [onRevoked, onSound] = [await halfWay(), await halfWay()];
  own.rotate({ ...own.current(), bundle: next.bundle, refused: [revoked.pem] });
  await goes.ended;
  expect(await goOn(onRevoked, await revoked.identity(id('late')))).toBe('refused');
  expect(await goOn(onSound, await sound.identity(id('in-time')))).toBe('let in');
  const over = Promise.race(stays.map(({ ended }) => ended)).then(() => 'ended');
  expect(await Promise.race([over, Promise.resolve('open')])).toBe('open');
  for (const { close } of stays) close();
});

test('a client leaves a server whose authority was revoked, and calls it no more', async () => {
  const pki = await TestPki.create();
  const revoked = await pki.under('issuing 1');
  const identity = new RotatableIdentity(await revoked.identity(id('server')));
  await using echo = new GrpcServer({ logger: silentLogger, drainMs: 50 })
    .unary(echoService.unary, (text) => text)
    .serverStream(echoService.list, async function* (text, { signal }) {
      yield text;
      await once(signal, 'abort');
    });
  const address = await echo.listen(anyPort, { kind: 'tls', identity, clientCertificate: 'require' });
  const caller = new RotatableIdentity(await pki.identity(id('caller')));
  const client = grpcClient(EchoClient, address, { kind: 'tls', identity: caller, expect: () => true });
  const stream = client.list('hello');
  const failed = once(stream, 'error', { signal: AbortSignal.timeout(10_000) });
  await once(stream, 'data');
  stream.on('error', () => undefined);
  caller.rotate({ ...caller.current(), refused: [revoked.pem] });
  expect((await failed)[0]).toMatchObject({ code: 14, details: expect.stringContaining('was revoked') as unknown });
  const call = (): Promise<string> => callUnary(client.unary.bind(client), 'hello', { timeoutMs: 1000 });
  await expect(call()).rejects.toBeDefined();
  // As soon as it has another certificate it is the server again.
  identity.rotate(await (await pki.under('issuing 2')).identity(id('server')));
  let answer: string | undefined;
  while (answer === undefined) answer = await call().catch(() => undefined);
  expect(answer).toBe('hello');
  client.close();
});
