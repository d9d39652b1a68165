import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '#test/fakes/free-port.ts';

const program = join(import.meta.dirname, '../../cli/demo/bookinfo/main.ts');
const children: ChildProcess[] = [];
const ports = new Map<string, number>();
const seen: { host: string; endUser: string | undefined; requestId: string | undefined }[] = [];
let router: Server;

/** Stands where a sidecar stands: the Host header says whom the request is for. */
function startRouter(): Server {
  return createServer((incoming, response) => {
    const host = (incoming.headers.host ?? '').split('.')[0] ?? '';
    seen.push({
      host,
      endUser: incoming.headers['end-user'] as string | undefined,
      requestId: incoming.headers['x-request-id'] as string | undefined,
    });
    const { method, url, headers } = incoming;
    const outgoing = request({ host: '127.0.0.1', port: ports.get(host), method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.writeHead(502).end());
    incoming.pipe(outgoing);
  }).listen(0, '127.0.0.1');
}

async function start(name: string, version: string): Promise<void> {
  const port = await freePort();
  const outbound = `127.0.0.1:${(router.address() as AddressInfo).port}`;
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    NAME: name,
    VERSION: version,
    PORT: String(port),
    OUTBOUND: outbound,
  };
  const child = spawn(process.execPath, [program], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  ports.set(name, port);
}

async function get(name: string, path: string, init: RequestInit = {}): Promise<Response> {
  return await fetch(`http://127.0.0.1:${ports.get(name) ?? 0}${path}`, { redirect: 'manual', ...init });
}

beforeAll(async () => {
  router = startRouter();
  await once(router, 'listening');
  await Promise.all(
    [
      ['ratings', 'v1'],
      ['details', 'v1'],
      ['reviews', 'v3'],
      ['productpage', 'v1'],
      ['ingress', 'v1'],
    ].map(([name = '', version = '']) => start(name, version)),
  );
});

afterAll(() => {
  for (const child of children) child.kill();
  router.close();
  router.closeAllConnections();
});

describe('Bookinfo behaves as the originals', () => {
  test('the page shows details, reviews and red stars, through the ingress', async () => {
    const page = await (await get('ingress', '/productpage')).text();
    expect(page).toContain('The Comedy of Errors');
    expect(page).toContain('William Shakespeare');
    expect(page).toContain('color:red');
  });

  test('details, reviews and ratings answer JSON of the original shape', async () => {
    expect(await (await get('details', '/details/0')).json()).toMatchObject({ id: 0, 'ISBN-10': '1234567890' });
    expect(await (await get('reviews', '/reviews/0')).json()).toMatchObject({
      id: '0',
      reviews: [{ reviewer: 'Reviewer1', rating: { stars: 5, color: 'red' } }, { reviewer: 'Reviewer2' }],
    });
    expect(await (await get('ratings', '/ratings/0')).json()).toEqual({
      id: 0,
      ratings: { Reviewer1: 5, Reviewer2: 4 },
    });
    expect((await get('ratings', '/ratings/x')).status).toBe(400);
  });

  test('ratings can be posted', async () => {
    const posted = await get('ratings', '/ratings/7', { method: 'POST', body: '{"Reviewer1":1}' });
    expect(posted.status).toBe(200);
    expect(await (await get('ratings', '/ratings/7')).json()).toEqual({ id: 7, ratings: { Reviewer1: 1 } });
    expect((await get('ratings', '/ratings/7', { method: 'POST', body: '[' })).status).toBe(400);
  });

  test('who is logged in travels as end-user, and a forged end-user does not', async () => {
    const login = await get('ingress', '/login', { method: 'POST', body: new URLSearchParams({ username: 'jason' }) });
    expect(login.status).toBe(302);
    const cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    seen.length = 0;
    await get('ingress', '/productpage', { headers: { cookie, 'x-request-id': 'r-1', 'end-user': 'mallory' } });
    expect(seen.filter(({ host }) => host === 'reviews' || host === 'ratings')).toEqual([
      { host: 'reviews', endUser: 'jason', requestId: 'r-1' },
      { host: 'ratings', endUser: 'jason', requestId: 'r-1' },
    ]);
    seen.length = 0;
    await get('ingress', '/productpage', { headers: { 'end-user': 'mallory' } });
    expect(seen.find(({ host }) => host === 'details')?.endUser).toBeUndefined();
  });

  test('the page says what it cannot show', async () => {
    const ratings = ports.get('ratings');
    ports.set('ratings', 1);
    expect(await (await get('ingress', '/productpage')).text()).toContain('Ratings service is currently unavailable');
    ports.set('ratings', ratings ?? 0);
  });
});
