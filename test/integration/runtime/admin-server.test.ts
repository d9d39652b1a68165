import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { gunzipSync } from 'node:zlib';
import type { TcpAddress } from '#runtime/address.ts';
import { AdminServer } from '#runtime/admin-server.ts';
import { silentLogger } from '#runtime/logger.ts';
import { Metrics } from '#runtime/metrics.ts';

let metrics: Metrics;
let admin: AdminServer;
let port: number;
beforeEach(async () => {
  metrics = new Metrics();
  admin = new AdminServer({ logger: silentLogger, metrics })
    .page('/revision', () => ({ revision: 7n }))
    .page('/broken', () => {
      throw new Error('secret path');
    });
  ({ port } = (await admin.listen({ host: '127.0.0.1', port: 0 })) as TcpAddress);
});
afterEach(() => admin[Symbol.asyncDispose]());

async function ask(path: string, headers: OutgoingHttpHeaders = {}, method = 'GET') {
  const asked = request({ host: '127.0.0.1', port, path, method, headers }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const chunks = (await response.toArray()) as Buffer[];
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

test('alive, ready, and what is not ready', async () => {
  expect((await ask('/livez')).status).toBe(200);
  expect(await ask('/readyz')).toMatchObject({ status: 200 });
  const done = admin.readiness.pending('policies');
  const waiting = await ask('/readyz');
  expect(waiting.status).toBe(503);
  expect(JSON.parse(waiting.body.toString())).toEqual({ ready: false, missing: ['policies'] });
  const ready = admin.readiness.ready();
  done();
  await ready;
  expect((await ask('/readyz')).status).toBe(200);
});

test('pages are JSON; one that fails says nothing of why', async () => {
  expect(JSON.parse((await ask('/revision')).body.toString())).toEqual({ revision: '7' });
  const broken = await ask('/broken');
  expect({ status: broken.status, body: broken.body.toString() }).toEqual({
    status: 500,
    body: '{"error":"internal error"}\n',
  });
  const missing = await ask('/nothing');
  expect(missing.status).toBe(404);
  expect(missing.body.toString()).toContain('"/revision"');
});

test('metrics are streamed, and compressed when asked', async () => {
  metrics.counter('things_total', 'things', ['kind']).increment({ kind: 'a' }, 3);
  metrics.gauge('level', 'level').set(4);
  metrics.histogram('seconds', 'seconds').observe(0.2);
  metrics.observedGauge('seen', 'seen', () => 5);
  metrics.append(() => ['# TYPE own counter\n', 'own{a="b"} 1\n']);
  metrics.append(() => 'last 2');
  const plain = await ask('/metrics');
  expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  for (const line of ['things_total{kind="a"} 3\n', 'level 4\n', 'seen 5\n', 'own{a="b"} 1\n', 'last 2\n']) {
    expect(plain.body.toString()).toContain(line);
  }
  const zipped = await ask('/metrics', { 'accept-encoding': 'gzip' });
  expect(zipped.headers['content-encoding']).toBe('gzip');
  expect(gunzipSync(zipped.body).toString()).toBe(plain.body.toString());
  expect(await metrics.exposition()).toBe(plain.body.toString());
});

test('only reads, and only by an address or as localhost: a web page must not reach us by a name of its own', async () => {
  expect((await ask('/livez', {}, 'POST')).status).toBe(405);
  expect(await ask('/livez', {}, 'HEAD')).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  expect((await ask('/livez', { host: 'evil.example' })).status).toBe(421);
  for (const host of ['localhost:1', '127.0.0.1', '[::1]:80']) expect((await ask('/livez', { host })).status).toBe(200);
});

test('a header of 10 MB is refused and the server goes on', async () => {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.write('GET /livez HTTP/1.1\r\nhost: localhost\r\nx: ');
  socket.write('a'.repeat(10_485_760));
  await new Promise((resolve) => socket.once('close', resolve));
  expect(answer === '' || answer.startsWith('HTTP/1.1 431 ')).toBe(true);
  expect((await ask('/livez')).status).toBe(200);
});
