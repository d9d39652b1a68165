import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import {
  type RunningSidecar,
  type World,
  anyPort,
  serviceEntry,
  spiffeIdOf,
  startWorld,
} from '#test/fakes/sidecar-world.ts';

let world: World;
let server: RunningSidecar;
let client: RunningSidecar;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  world = await startWorld();
  const app = await world.application((incoming, response) => {
    incoming.resume();
    incoming.on('end', () => setTimeout(() => response.end('ok'), 2));
  });
  server = await world.sidecar({
    serviceAccount: 'web',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'http' }],
  });
  world.push(serviceEntry('web.shop', 'web', [server.inboundPort]));
  client = await world.sidecar({ serviceAccount: 'caller', outbound: { listen: anyPort } });
});

afterAll(async () => {
  agent.destroy();
  await world[Symbol.asyncDispose]();
});

function send(body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: client.outboundPort, method: body === '' ? 'GET' : 'POST', agent };
    const outgoing = request({ ...options, headers: { host: 'web.shop' } }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    outgoing.on('error', reject).end(body);
  });
}

/**
 * Eight clients without a pause, POST among the requests, which nobody may repeat. What happens meanwhile may wait for so many
 * more answers.
 */
async function load(during: (more: (answers: number) => Promise<void>) => Promise<void>): Promise<number[]> {
  const statuses: number[] = [];
  let over = false;
  const loops = Array.from({ length: 8 }, async (_, index) => {
    while (!over) statuses.push(await send(index % 2 === 0 ? '' : 'body').catch(() => 0));
  });
  await during(async (answers) => {
    const enough = statuses.length + answers;
    while (statuses.length < enough) await pause(5);
  });
  over = true;
  await Promise.all(loops);
  return statuses;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const fingerprints = (): unknown[] => world.asked.map((bag) => bag.get('source.principal'));

describe('under load', () => {
  test('certificates rotate on both sides without a failed request', async () => {
    const statuses = await load(async (more) => {
      for (let i = 0; i < 10; i++) {
        client.identity.rotate(await world.pki.identity(spiffeIdOf('caller')));
        await more(3);
        server.identity.rotate(await world.pki.identity(spiffeIdOf('web')));
        await more(3);
      }
    });
    expect(statuses.length).toBeGreaterThan(50);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    expect(new Set(fingerprints())).toEqual(new Set(['cluster.local/ns/shop/sa/caller']));
  });

  test('so does the root of the mesh, by way of a bundle with both', async () => {
    const next = await TestPki.create('next root');
    const both = [...world.pki.bundle, ...next.bundle];
    const statuses = await load(async (more) => {
      for (const [sidecar, name] of [
        [client, 'caller'],
        [server, 'web'],
      ] as const) {
        sidecar.identity.rotate({ ...(await world.pki.identity(spiffeIdOf(name))), bundle: both });
      }
      await more(8);
      // Certificates of the next root beside a bundle with both: the authorization service still shows one of the first.
      for (const [sidecar, name] of [
        [client, 'caller'],
        [server, 'web'],
      ] as const) {
        const identity = await (sidecar === server ? world.pki : next).identity(spiffeIdOf(name));
        sidecar.identity.rotate({ ...identity, bundle: both });
      }
      await more(8);
    });
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  test('a sidecar that ends finishes what it has begun', async () => {
    const app = await world.application((_request, response) => void setTimeout(() => response.end('slow'), 200));
    const other = await world.sidecar({
      serviceAccount: 'slow',
      inbound: [{ listen: anyPort, app: app.address, protocol: 'http' }],
    });
    const answers = Array.from({ length: 5 }, async () => {
      const response = await fetch(`http://127.0.0.1:${other.inboundPort}/`, { headers: { connection: 'keep-alive' } });
      return [response.status, await response.text()];
    });
    const before = world.asked.length;
    while (world.asked.length < before + 5) await pause(5);
    const reported = world.reported.length;
    await other.sidecar[Symbol.asyncDispose]();
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 5 }, () => [200, 'slow']));
    expect(world.reported.length).toBeGreaterThanOrEqual(reported + 5);
    await expect(fetch(`http://127.0.0.1:${other.inboundPort}/`)).rejects.toThrow();
  });
});

test('a connection whose client certificate has run out carries no further request', async () => {
  const shortLived = await world.pki.identity(spiffeIdOf('caller'), { notAfter: new Date(Date.now() + 2_000) });
  client.identity.rotate({ ...shortLived, bundle: client.identity.current().bundle });
  expect(await send('')).toBe(200);
  await pause(2_500);
  expect(await send('')).toBe(403);
});
