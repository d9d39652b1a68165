import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Identity } from '#runtime/identity-source.ts';
import type { ExposedFile } from '#runtime/config/read-secret-file.ts';
import { AuthorityPlaces } from '#services/agent/asking/authority-places.ts';
import { wayOfJoining } from '#services/agent/join/ways.ts';
import { bundleOf } from '#test/fakes/certificate-client.ts';
import { ApiServer } from '#test/fakes/api-server.ts';
import { machineAuthority, machineCertificate, privateKeyOf } from '#test/fakes/machine-pki.ts';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';

/** What a machine is told that cannot join by its certificate: each time what is to be done about just that. */
const folder = mkdtempSync(join(tmpdir(), 'gjr-'));
const at = (name: string): string => join(folder, name);
const files = { certificate: at('machine.pem'), key: at('machine-key.pem'), bundle: at('bundle.pem') };
let running: RunningCa;
let api: ApiServer;

beforeAll(async () => {
  const [started, root, other] = await Promise.all([ApiServer.start(), machineAuthority(), machineAuthority()]);
  api = started;
  for (const [name, issuer] of [['good', root] as const, ['stranger', other] as const]) {
    const machine = await machineCertificate({ issuer });
    writeFileSync(at(`${name}.pem`), machine.pem);
    writeFileSync(at(`${name}-key.pem`), await privateKeyOf(machine), { mode: 0o600 });
  }
  writeFileSync(at('machines.pem'), root.pem);
  const cluster = { ...api.review('west', ['garrison']), serviceAccounts: ['garrison:agent'] };
  const nodes = { x509pop: { authorities: at('machines.pem') }, k8sPsat: { clusters: [cluster] } };
  running = await runCa({ settings: { nodes } });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  use('good', 'good');
  writeFileSync(files.bundle, bundleOf(running).join(''));
});

function use(certificate: string, key: string): void {
  copyFileSync(at(`${certificate}.pem`), files.certificate);
  copyFileSync(at(`${key}-key.pem`), files.key);
}

const nobody = { host: '127.0.0.1', port: 1 };

function joins(options: { ca?: typeof nobody; known?: readonly string[]; exposed?: ExposedFile[] } = {}) {
  const places = new AuthorityPlaces([options.ca ?? running.ca.addresses.ca]);
  const way = wayOfJoining(places, { kind: 'x509pop', ...files }, (one) => options.exposed?.push(one));
  return (): Promise<Identity> => way.join(new AbortController().signal, options.known);
}

test('a key that is not the certificate’s is found before anybody is asked', async () => {
  use('good', 'stranger');
  await expect(joins({ ca: nobody })()).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: `the key in \`${files.key}\` is not that of the certificate in \`${files.certificate}\``,
    place: 'join.x509pop.key',
    remedy: expect.stringContaining('key'),
  });
  writeFileSync(files.key, 'no key');
  await expect(joins({ ca: nobody })()).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    place: 'join.x509pop.key',
  });
});

test('a key that others may read is told of, once', async () => {
  const exposed: ExposedFile[] = [];
  const join = joins({ exposed });
  await join();
  expect(exposed).toEqual([]);
  chmodSync(files.key, 0o644);
  await join();
  await join();
  expect(exposed).toEqual([
    { setting: 'join.x509pop.key', file: files.key, mode: '0644', remedy: `\`chmod 600 ${files.key}\`` },
  ]);
});

test('roots that do not verify the authority are told as that, and which ones they were', async () => {
  await using other = await runCa();
  writeFileSync(files.bundle, bundleOf(other).join(''));
  await expect(joins()()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringMatching(/shows a certificate that `[^`]*bundle\.pem` does not verify \(.*certificate.*\)$/),
    place: 'join.bundle',
    remedy: expect.stringContaining('garrison identity bundle show'),
  });
  writeFileSync(files.bundle, bundleOf(running).join(''));
  await expect(joins({ known: bundleOf(other) })()).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('the roots that this node learned of do not verify'),
    remedy: expect.stringContaining('`node-identity.json`'),
  });
  await expect(joins({ ca: nobody })()).rejects.toMatchObject({ remedy: 'start it, or correct its address' });
});

test('a certificate or a token that the authority does not take is no matter of a join token', async () => {
  use('stranger', 'stranger');
  const refused = await joins()().catch((error: unknown) => error as Error);
  expect(refused).toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining('`ca.nodes.x509pop') });
  expect((refused as Error).message).not.toContain('join token');
  writeFileSync(at('pod-token'), 'nobody');
  const config = { kind: 'k8sPsat', cluster: 'west', token: at('pod-token'), bundle: files.bundle } as const;
  const way = wayOfJoining(new AuthorityPlaces([running.ca.addresses.ca]), config, () => undefined);
  const pod = await way.join(new AbortController().signal, undefined).catch((error: unknown) => error as Error);
  expect(pod).toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining('`ca.nodes.k8sPsat') });
  expect((pod as Error).message).not.toContain('join token');
});
