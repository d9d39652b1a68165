import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { exchangeRaw, plainSocket } from '#test/fakes/raw-http.ts';
import { type RunningSidecar, type World, anyPort, serviceEntry, startWorld } from '#test/fakes/sidecar-world.ts';

interface Case {
  readonly name: string;
  /** Bytes as latin1. */
  readonly request: string;
  readonly status: readonly number[];
}

const cases = JSON.parse(readFileSync(join(import.meta.dirname, 'smuggling.json'), 'utf8')) as Case[];

let world: World;
let server: RunningSidecar;
let client: RunningSidecar;
const heard: string[] = [];

beforeAll(async () => {
  world = await startWorld();
  const app = await world.application((request, response) => {
    // What is broken within its body has been let through until then: what counts is that it never looked whole.
    request.on('end', () => heard.push(String(request.url)));
    request.on('error', () => undefined);
    request.resume();
    request.on('end', () => response.end('heard'));
  });
  server = await world.sidecar({
    serviceAccount: 'web',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'http' }],
  });
  world.push(serviceEntry('web.shop', 'web', [server.inboundPort]));
  client = await world.sidecar({ serviceAccount: 'caller', outbound: { listen: anyPort } });
});

afterAll(async () => world[Symbol.asyncDispose]());

describe.each([
  ['inbound', () => server.inboundPort],
  ['outbound', () => client.outboundPort],
])('%s refuses', (_side, port) => {
  test.each(cases)('$name', async ({ request, status }) => {
    heard.length = 0;
    const answer = await exchangeRaw(await plainSocket(port()), request);
    expect(heard).toEqual([]);
    expect(status).toContain(answer.status);
    expect(answer.text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });
});

test('what is right is let through by the same way', async () => {
  const request =
    'POST /right HTTP/1.1\r\nhost: web.shop\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n';
  expect((await exchangeRaw(await plainSocket(server.inboundPort), request)).text).toContain('heard');
  expect((await exchangeRaw(await plainSocket(client.outboundPort), request)).text).toContain('heard');
});
