import { readdirSync } from 'node:fs';
import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const gen = resolve(import.meta.dirname, '../../proto/gen');

/** Every method of every contract that we have generated, ours and other people's. */
async function allPaths(): Promise<string[]> {
  const files = readdirSync(gen, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const modules = await Promise.all(files.map((file) => import(join(gen, file)) as Promise<Record<string, unknown>>));
  const services = modules.flatMap((one) => Object.entries(one).filter(([name]) => name.endsWith('Service')));
  return services.flatMap(([, service]) =>
    Object.values(service as Record<string, unknown>).flatMap((method) => {
      const path = typeof method === 'object' && method !== null && 'path' in method ? method.path : undefined;
      return typeof path === 'string' ? [path] : [];
    }),
  );
}

/** The status a call with an empty message ends with; `open` for a stream that begins to answer. */
function statusOf(session: ClientHttp2Session, path: string): Promise<string> {
  return new Promise((done, fail) => {
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request({ ...headers, 'workload.spiffe.io': 'true' });
    stream.on('response', (answer) => {
      const status = answer['grpc-status'];
      if (typeof status === 'string') done(status);
    });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => done(String(trailers['grpc-status'])));
    stream.on('data', () => {
      done('open');
      stream.destroy();
    });
    stream.on('error', fail);
    stream.end(Buffer.alloc(5));
  });
}

const refused = ['7', '12', '16'];
let running: RunningCa | undefined;
let paths: string[];
beforeAll(async () => {
  paths = await allPaths();
  running = await runCa({ policies: { 'a.yaml': registration('other', 'other', ['unix:uid:424242']) } });
});
afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
});

async function statuses(session: ClientHttp2Session): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const path of paths) found.set(path, await statusOf(session, path));
  session.destroy();
  return found;
}

describe('a stranger', () => {
  test('is refused by every method of the authority’s port but the public bundle', async () => {
    expect(paths.length).toBeGreaterThan(30);
    const address = running!.ca.addresses.ca as { host: string; port: number };
    const url = `https://${address.host}:${address.port}`;
    const found = await statuses(connectHttp2(url, { rejectUnauthorized: false }));
    // Who joins is a stranger until it has proved something; without a proof the call cannot be read.
    const [bundle, attestation] = ['/garrison.v1.Trust/WatchBundle', '/garrison.v1.NodeAttestation/Attest'];
    expect([found.get(bundle), found.get(attestation)]).toEqual(['open', '3']);
    const others = [...found].filter(([path]) => path !== bundle && path !== attestation);
    expect(others.filter(([, status]) => !refused.includes(status))).toEqual([]);
    expect(others.filter(([, status]) => status !== '12').length).toBeGreaterThan(4);
  });

  test('is refused by every method of the workload socket but the public bundle', async () => {
    const path = join(running!.state, 'workload.sock');
    const found = await statuses(connectHttp2('http://localhost', { createConnection: () => connect(path) }));
    const bundle = '/garrison.v1.Trust/WatchBundle';
    const open = [...found].filter(([, status]) => !refused.includes(status));
    // Without an audience and a token there is nothing to validate, and without a name no secret is meant.
    const unread = open.filter(([, status]) => status === '3').map(([name]) => name);
    expect(open.filter(([name]) => !unread.includes(name))).toEqual([[bundle, 'open']]);
    expect(unread.every((name) => /FetchJWTSVID|ValidateJWTSVID|SecretDiscoveryService/.test(name))).toBe(true);
  });

  test('finds no secret and no control on the admin pages', async () => {
    const { host, port } = running!.ca.addresses.caAdmin as { host: string; port: number };
    const url = `http://${host}:${port}`;
    const { pages } = (await (await fetch(`${url}/none`)).json()) as { pages: string[] };
    expect(pages).toContain('/status');
    for (const page of pages) {
      const read = await fetch(url + page);
      expect(await read.text()).not.toMatch(/PRIVATE KEY|gjt1\.|"d":/);
      for (const method of ['POST', 'PUT', 'DELETE']) expect((await fetch(url + page, { method })).status).toBe(405);
    }
  });
});
