import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { toBundleDocument } from '#ca/bundle/write-bundle.ts';
import { parseTrustDomain } from '#ca/spiffe-id.ts';
import { callingEnvoy } from '#test/fakes/envoy-config.ts';
import { Envoy, programIn } from '#test/fakes/envoy.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

// One Envoy that knows two trust domains, and servers on both sides of what the second may say.
const folder = mkdtempSync(join(tmpdir(), 'gef-'));
const trustDomain = parseTrustDomain('other.test');
const own = 'spiffe://example.org/ns/shop/sa/envoy';
const servers: Server[] = [];
let running: RunningCa;
let envoy: Envoy;

async function serve(other: TestPki, spiffeId: string): Promise<number> {
  const { certificates, privateKey } = await other.identity(spiffeId, { below: true });
  const server = createServer(
    { cert: certificates.join('\n'), key: privateKey },
    (_, answer) => void answer.end('hello'),
  );
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  const other = await TestPki.create('other');
  const roots = other.bundle.map((pem) => new X509Certificate(pem).raw);
  const bundle = join(folder, 'other.json');
  writeFileSync(
    bundle,
    JSON.stringify(toBundleDocument({ trustDomain, roots, jwtKeys: [], sequence: 1, refreshHintSeconds: 300 })),
  );
  const selectors = [ownUid, `unix:path:${programIn(folder)}`];
  running = await runCa({
    settings: { federation: [{ trustDomain, endpoint: undefined, bundle, refreshMs: undefined }] },
    policies: { '1.yaml': registration('envoy', 'envoy', selectors, '  federatesWith: [ other.test ]\n') },
  });
  const right = { port: await serve(other, 'spiffe://other.test/web'), peer: 'spiffe://other.test/web' };
  // Signed by the other domain's authority, in the name of ours.
  const impostor = { port: await serve(other, own), peer: own };
  const common = { api: 'DELTA_GRPC', certificate: 'default' } as const;
  envoy = await Envoy.start(
    folder,
    callingEnvoy(join(running.state, 'workload.sock'), {
      all: { ...common, ...right, validation: 'ALL' },
      named: { ...common, ...right, validation: 'spiffe://other.test' },
      ours: { ...common, ...right, validation: 'ROOTCA' },
      impostorAll: { ...common, ...impostor, validation: 'ALL' },
      impostorNamed: { ...common, ...impostor, validation: 'spiffe://other.test' },
      impostorOurs: { ...common, ...impostor, validation: 'ROOTCA' },
    }),
  );
}, 60_000);

afterAll(async () => {
  await envoy[Symbol.asyncDispose]();
  for (const server of servers) server.close();
  await running[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const statusOf = async (name: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${await envoy.port(name)}/`)).status;

test.each(['all', 'named'])(
  'an Envoy talks to a trust domain that its Registration federates with (%s)',
  async (name) => {
    expect(await statusOf(name)).toBe(200);
  },
);

test.each(['ours', 'impostorAll', 'impostorNamed', 'impostorOurs'])(
  'and believes no authority on identities that are not its own (%s)',
  async (name) => {
    expect(await statusOf(name)).toBe(503);
    const { [`cluster.${name}.ssl.fail_verify_error`]: failed } = await envoy.stats('fail_verify_error');
    expect(failed).toBeGreaterThan(0);
  },
);
