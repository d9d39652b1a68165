import { once } from 'node:events';
import { get } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { join } from 'node:path';
import { Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import type { Address } from '#runtime/address.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { usualMostOpen } from '#runtime/arrivals.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { create, joinToken } from '#test/fakes/certificate-client.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

/** Both ends are of this process: two files each. With GARRISON_CROWD=10000 one wants `ulimit -n 32768`. */
const size = Number(process.env['GARRISON_CROWD'] ?? Math.min(1000, Math.floor(usualMostOpen() / 2)));
let running: RunningCa | undefined;
const crowd: Socket[] = [];

beforeAll(async () => {
  running = await runCa({
    policies: { 'a.yaml': registration('cart', 'cart', [ownUid]) },
    settings: { bundleEndpoint: { listen: { host: '127.0.0.1', port: 0 }, web: undefined, refreshHintMs: 300_000 } },
  });
});
afterEach(() => {
  for (const socket of crowd.splice(0)) socket.destroy();
});
afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
});

const ca = (): RunningCa => running!;
const place = (address: Address): { path: string } | { host: string; port: number } =>
  'path' in address ? { path: address.path } : { host: address.host, port: address.port };

/** Connections that come and then do what the test says; those that are sent away are gone, and that is all. */
async function come(address: Address, say: (socket: Socket) => void): Promise<void> {
  for (let at = 0; at < size; at += 250) {
    const some = Array.from({ length: Math.min(250, size - at) }, () => {
      const socket = connect(place(address));
      socket.on('error', () => undefined);
      crowd.push(socket);
      return Promise.race([once(socket, 'connect'), once(socket, 'close')]).then(() => say(socket));
    });
    await Promise.all(some.map((one) => one.catch(() => undefined)));
  }
}

async function workloadIsServed(): Promise<void> {
  const client = grpcClient(
    SpiffeWorkloadAPIClient,
    { path: join(ca().state, 'workload.sock') },
    { kind: 'plaintext' },
  );
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const stream: ClientReadableStream<X509SVIDResponse> = client.fetchX509Svid({}, metadata);
  const { svids } = await new Promise<X509SVIDResponse>((resolve, reject) =>
    stream.once('data', resolve).once('error', reject),
  );
  stream.on('error', () => undefined).cancel();
  client.close();
  expect(svids).toHaveLength(1);
}

async function callerIsServed(): Promise<void> {
  const bearer = await joinToken(ca(), { spiffeId: 'spiffe://example.org/ns/shop/sa/cart' });
  expect(await create(ca(), { bearer })).toHaveLength(3);
}

async function adminIsServed(): Promise<void> {
  const { host, port } = ca().ca.addresses.caAdmin as { host: string; port: number };
  expect((await fetch(`http://${host}:${port}/livez`)).status).toBe(200);
}

async function bundleIsServed(): Promise<void> {
  const { port } = ca().ca.addresses.bundle as { port: number };
  const status = await new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, agent: false };
    get({ ...options, path: '/' }, (response) => resolve(response.statusCode)).on('error', reject);
  });
  expect(status).toBe(200);
}

const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]);
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

describe('a crowd that says nothing, or half a word, keeps nobody out', () => {
  const ports: [string, () => Address, Buffer][] = [
    ['the certificate service', () => ca().ca.addresses.ca, hello],
    ['the workload socket', () => ({ path: join(ca().state, 'workload.sock') }), preface.subarray(0, 10)],
    ['the bundle endpoint', () => ca().ca.addresses.bundle!, hello],
    ['the admin pages', () => ca().ca.addresses.caAdmin, Buffer.from('GET /livez HTTP/1.1\r\nx-slow: ')],
  ];
  test.each(ports)('%s', async (_, address, word) => {
    await come(address(), (socket) => {
      // Every other one says half a word, so that something is waited for.
      if (crowd.indexOf(socket) % 2 === 0) socket.write(word);
    });
    await workloadIsServed();
    await callerIsServed();
    await adminIsServed();
    await bundleIsServed();
  });
});

test('a crowd that shakes hands and then says nothing keeps nobody out', async () => {
  const address = place(ca().ca.addresses.ca);
  const done = Array.from({ length: 100 }, () => {
    const socket = connectTls({ ...address, rejectUnauthorized: false, ALPNProtocols: ['h2'], minVersion: 'TLSv1.3' });
    socket.on('error', () => undefined);
    crowd.push(socket);
    return once(socket, 'secureConnect').catch(() => undefined);
  });
  await Promise.all(done);
  await callerIsServed();
  await workloadIsServed();
});

test('who comes when there is no place, over TLS, is sent away, and the server goes on', async () => {
  const pki = await TestPki.create();
  const identity = staticIdentity(await pki.identity('spiffe://example.org/a'));
  await using server = new GrpcServer({ logger: silentLogger, maxConnections: 8 }).unary(
    echoService.unary,
    (text) => text,
  );
  const tls = { kind: 'tls', identity, clientCertificate: 'optional' } as const;
  const address = await server.listen({ host: '127.0.0.1', port: 0 }, tls);
  const clients = Array.from({ length: 6 }, () => {
    // Clients with the same options share a connection.
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    return grpcClient(EchoClient, address, { kind: 'tls', bundle: pki.bundle, expect: () => true }, options);
  });
  const call = (client: EchoClient): Promise<string> =>
    callUnary(client.unary.bind(client), 'hello', { timeoutMs: 2000 });
  for (const client of clients) expect(await call(client)).toBe('hello');
  await come(address, (socket) => void socket.write(hello));
  const late = grpcClient(
    EchoClient,
    address,
    { kind: 'tls', bundle: pki.bundle, expect: () => true },
    { 'grpc.use_local_subchannel_pool': 1 },
  );
  await expect(call(late)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  for (const client of clients) expect(await call(client)).toBe('hello');
  for (const client of [late, ...clients]) client.close();
});

test('half a CSR that never ends holds up nobody else', async () => {
  const http2 = await import('node:http2');
  const { host, port } = ca().ca.addresses.ca as { host: string; port: number };
  const session = http2.connect(`https://${host}:${port}`, { rejectUnauthorized: false });
  session.on('error', () => undefined);
  const headers = {
    ':method': 'POST',
    ':path': '/istio.v1.auth.IstioCertificateService/CreateCertificate',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  for (let at = 0; at < 500; at += 1) {
    const stream = session.request(headers);
    stream.on('error', () => undefined);
    // A message is announced, and its first byte comes.
    stream.write(Buffer.from([0, 0, 0, 16, 0, 0x0a]));
  }
  await callerIsServed();
  session.destroy();
});
