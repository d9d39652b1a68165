import { get } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { identifyPeer } from '#runtime/peer.ts';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly body: string;
  readonly server: string;
}

function ask(running: RunningCa, path: string, method = 'GET'): Promise<Answer> {
  const { bundle } = running.ca.addresses;
  const port = bundle !== undefined && 'port' in bundle ? bundle.port : 0;
  const ca = readFileSync(join(running.state, 'bundle.pem'));
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, ca, servername: 'localhost', agent: false };
    const request = get(options, (response) => {
      const socket = response.socket as unknown as { getPeerX509Certificate(): X509Certificate };
      const server = identifyPeer(socket.getPeerX509Certificate(), 'server').toString();
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () =>
        resolve({ status: response.statusCode, type: response.headers['content-type'], body, server }),
      );
    });
    request.on('error', reject);
  });
}

test('the bundle endpoint gives anybody roots and JWT keys, under the authority’s own SVID', async () => {
  await using running = await runCa({
    settings: { bundleEndpoint: { listen: { host: '127.0.0.1', port: 0 }, web: undefined, refreshHintMs: 300_000 } },
  });
  const answer = await ask(running, '/');
  expect(answer).toMatchObject({ status: 200, type: 'application/json', server: 'spiffe://example.org/garrison/ca' });
  const bundle = JSON.parse(answer.body) as { keys: { use: string; x5c?: string[] }[] };
  expect(bundle).toMatchObject({ spiffe_sequence: 1, spiffe_refresh_hint: 300 });
  expect(bundle.keys.map(({ use }) => use)).toEqual(['x509-svid', 'jwt-svid']);
  const root = new X509Certificate(Buffer.from(bundle.keys[0]?.x5c?.[0] ?? '', 'base64'));
  expect(root.toString()).toBe(readFileSync(join(running.state, 'bundle.pem'), 'utf8'));

  expect((await ask(running, '/other')).status).toBe(404);
  expect((await ask(running, '/', 'POST')).status).toBe(405);
});

test('without a setting there is none', async () => {
  await using running = await runCa();
  expect(running.ca.addresses.bundle).toBeUndefined();
});
