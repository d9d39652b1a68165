import { readFileSync } from 'node:fs';
import { type Http2Server, createServer as createH2 } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type H2Step, outcomeOf, preface, stepFrames } from '#test/fakes/raw-h2.ts';
import { plainSocket } from '#test/fakes/raw-http.ts';
import { type World, anyPort, ruledBy, startWorld } from '#test/fakes/sidecar-world.ts';

/** What must come of it, byte for byte through a real sidecar, decided by the real engine. */
interface Row {
  readonly name: string;
  /** What reaches the application: `METHOD target`, in order. */
  readonly heard: readonly string[];
  /** Names of headers and trailers that must not. */
  readonly unheard?: readonly string[];
}

interface Http1Row extends Row {
  /** Lines, joined by CRLF, one character an octet. */
  readonly send: readonly string[];
  /** Statuses of all answers, in order. */
  readonly answers: readonly number[];
}

interface Http2Row extends Row {
  readonly steps: readonly H2Step[];
  /** Any of these: a status, `reset` of the stream, `gone` for the whole connection. */
  readonly outcome: readonly (number | 'reset' | 'gone')[];
}

const rowsOf = <T>(name: string): T[] => JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8')) as T[];

const rule = (name: string, what: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { action: DENY, rules: [${what}] }
---
`;

const documents = [
  rule('no-admin', '{ to: [{ operation: { paths: [/admin, /admin/*] } }] }'),
  rule('no-secret', '{ to: [{ operation: { hosts: [secret.shop] } }] }'),
  rule('no-secret-of-one', '{ to: [{ operation: { paths: ["/api/{*}/secret"] } }] }'),
  rule('no-delete', '{ to: [{ operation: { methods: [DELETE] } }] }'),
  rule('no-role', "{ when: [{ key: 'request.headers[x-role]', values: [admin] }] }"),
  rule('no-cookie', "{ when: [{ key: 'request.headers[cookie]', values: ['*admin=1'] }] }"),
].join('');

let world: World;
const ports = { http1: 0, h2: 0 };
const heard: string[] = [];
const names = new Set<string>();

beforeAll(async () => {
  world = await startWorld();
  world.rule(ruledBy(documents));
  const http1 = await world.application((request, response) => {
    // What is broken within its body is let through until then: what counts is what looks whole.
    request.on('error', () => undefined);
    request.resume().on('end', () => {
      heard.push(`${String(request.method)} ${String(request.url)}`);
      for (const name of [...Object.keys(request.headers), ...Object.keys(request.trailers)]) names.add(name);
      response.end('heard');
    });
  });
  const listeners = { limits: { keepAliveMs: 2_000, headersMs: 2_000 }, serviceAccount: 'web' };
  const first = await world.sidecar({
    ...listeners,
    inbound: [{ listen: anyPort, app: http1.address, protocol: 'http' }],
  });
  const second = await world.sidecar({
    ...listeners,
    inbound: [{ listen: anyPort, app: await h2Application(), protocol: 'grpc' }],
  });
  Object.assign(ports, { http1: first.inboundPort, h2: second.inboundPort });
});

async function h2Application(): Promise<{ host: string; port: number }> {
  const server: Http2Server = createH2();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    stream.on('trailers', (trailers) => Object.keys(trailers).forEach((name) => names.add(name)));
    stream.resume().on('end', () => {
      // A stream that was broken off ends too.
      if (stream.aborted || stream.rstCode !== 0) return;
      heard.push(`${String(headers[':method'])} ${String(headers[':path'])}`);
      for (const name of Object.keys(headers)) names.add(name);
      if (!stream.destroyed) stream.respond({ ':status': 200 }, { endStream: true });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.keep({ [Symbol.asyncDispose]: () => Promise.resolve(void server.close()) });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

afterAll(async () => world[Symbol.asyncDispose]());
beforeEach(() => {
  heard.length = 0;
  names.clear();
});

function expectHeard({ heard: expected, unheard = [] }: Row): void {
  expect(heard).toEqual(expected);
  expect(unheard.filter((name) => names.has(name))).toEqual([]);
}

/** All that comes back; our side is closed once as many answers have come as were expected. */
async function answersTo(socket: Socket, bytes: Buffer, expected: number): Promise<number[]> {
  let text = '';
  const statuses = (): number[] => [...text.matchAll(/HTTP\/1\.[01] ([0-9]{3}) /g)].map(([, status]) => Number(status));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    if (statuses().length >= expected) socket.end();
  });
  socket.write(bytes);
  await closed;
  return statuses();
}

describe('over HTTP/1.1', () => {
  test.each(rowsOf<Http1Row>('http1.json'))('$name', async (row) => {
    const bytes = Buffer.from(row.send.join('\r\n'), 'latin1');
    expect(await answersTo(await plainSocket(ports.http1), bytes, row.answers.length)).toEqual(row.answers);
    expectHeard(row);
  });
});

describe('over HTTP/2', () => {
  test.each(rowsOf<Http2Row>('http2.json'))('$name', async (row) => {
    const socket = await plainSocket(ports.h2);
    const outcome = outcomeOf(socket);
    socket.write(Buffer.concat([preface, ...row.steps.map((step) => stepFrames(step))]));
    const found = await outcome;
    socket.destroy();
    expect(row.outcome).toContain(found);
    expectHeard(row);
  });
});
