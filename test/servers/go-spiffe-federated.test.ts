import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
import { FederationAdminClient } from '#proto/gen/garrison/v1/federation.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { buildGoSpiffe } from '#test/fakes/build-go-spiffe.ts';
import { freePort } from '#test/fakes/free-port.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { webCertificate } from '#test/fakes/web-certificate.ts';

const folder = mkdtempSync(join(tmpdir(), 'ggf-'));
const program = join(folder, 'federated');

beforeAll(() => buildGoSpiffe(program, './federated'), 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

test('go-spiffe makes mutual TLS across two trust domains that federate over both profiles', async () => {
  const [one, two] = [parseTrustDomain('one.test'), parseTrustDomain('two.test')];
  const ports = { one: await freePort(), two: await freePort() };
  const web = webCertificate(folder);
  const listen = (port: number) => ({ host: '127.0.0.1', port });
  const policies = (name: string) => ({
    '1.yaml': registration('go', 'go', [ownUid], `  federatesWith: [ ${name} ]\n`),
  });
  const common = { bundle: undefined, refreshMs: 1000 };

  // By a certificate for its name.
  await using second = await runCa({
    trustDomain: 'two.test',
    settings: {
      bundleEndpoint: { listen: listen(ports.two), web, refreshHintMs: 1000 },
      federation: [
        {
          ...common,
          trustDomain: one,
          endpoint: {
            profile: 'https_spiffe',
            url: new URL(`https://127.0.0.1:${ports.one}/`),
            endpointSpiffeId: parseSpiffeId('spiffe://one.test/garrison/ca'),
          },
        },
      ],
    },
    policies: policies('one.test'),
  });
  await using first = await runCa({
    trustDomain: 'one.test',
    settings: {
      bundleEndpoint: { listen: listen(ports.one), web: undefined, refreshHintMs: 1000 },
      federation: [
        {
          ...common,
          trustDomain: two,
          endpoint: {
            profile: 'https_web',
            url: new URL(`https://localhost:${ports.two}/`),
            authorities: web.authorityFile,
          },
        },
      ],
    },
    policies: policies('two.test'),
  });
  using ofFirst = federationOf(first);
  using ofSecond = federationOf(second);
  await callUnary(ofFirst.client.refreshBundle.bind(ofFirst.client), { trustDomain: 'two.test' });
  const { document } = await callUnary(ofFirst.client.getDocument.bind(ofFirst.client), { trustDomain: '' });
  await callUnary(ofSecond.client.setDocument.bind(ofSecond.client), { trustDomain: 'one.test', document });
  const asked = await callUnary(ofSecond.client.refreshBundle.bind(ofSecond.client), { trustDomain: 'one.test' });
  expect(asked).toMatchObject({ failure: '', document: { from: 'endpoint' } });
  const seen = await run(first, second);
  expect(seen).toEqual({
    server: 'spiffe://one.test/ns/shop/sa/go',
    client: 'spiffe://two.test/ns/shop/sa/go',
    refused: true,
    jwt: 'spiffe://two.test/ns/shop/sa/go',
  });
}, 60_000);

function federationOf({ state }: RunningCa): Disposable & { readonly client: FederationAdminClient } {
  const client = grpcClient(FederationAdminClient, { path: join(state, adminSocket) }, { kind: 'plaintext' });
  return { client, [Symbol.dispose]: () => client.close() };
}

async function run(server: RunningCa, client: RunningCa): Promise<unknown> {
  const socket = ({ state }: RunningCa): string => `unix://${join(state, 'workload.sock')}`;
  const { stdout } = await promisify(execFile)(program, [socket(server), socket(client)], { timeout: 60_000 });
  return JSON.parse(stdout);
}
