import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { toBundleDocument } from '#ca/bundle/write-bundle.ts';
import { parseTrustDomain } from '#ca/spiffe-id.ts';
import { OpensslAuthority } from '#test/fakes/openssl-authority.ts';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { runVerb, type VerbRun } from '#test/fakes/run-verb.ts';

const corp = new OpensslAuthority();
const root = corp.root('corp');
const trustDomain = parseTrustDomain('partner.test');
const folder = mkdtempSync(join(tmpdir(), 'gsb-'));
let running: RunningCa;
beforeAll(async () => {
  const federation = [{ trustDomain, endpoint: undefined, bundle: undefined, refreshMs: undefined }];
  running = await runCa({ folder, settings: { federation } });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
  corp[Symbol.dispose]();
});

async function set(text: string): Promise<VerbRun> {
  writeFileSync(join(folder, 'bundle'), text);
  return runVerb(['identity', 'bundle', 'set', 'partner.test', 'bundle'], { cwd: folder });
}

function documentOf(...pems: readonly string[]): string {
  const roots = pems.map((pem) => new X509Certificate(pem).raw);
  return JSON.stringify(toBundleDocument({ trustDomain, roots, jwtKeys: [], sequence: 1, refreshHintSeconds: 60 }));
}

const named = (uri: string): string => corp.under(root, 'named', { uri }).certificate;

test('a bundle whose roots name another trust domain is not taken for this one', async () => {
  for (const other of ['spiffe://elsewhere.test', 'spiffe://partner.test.evil']) {
    const refused = await set(documentOf(root.certificate, named(other)));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`the bundle has a root of \`${other}\``);
    expect(refused.stderr).toContain('partner.test');
  }
  const shown = await runVerb(['identity', 'bundle', 'show', '--trust-domain', 'partner.test'], { cwd: folder });
  expect(shown.code).toBe(1);
});

test('PEM is refused with the command that writes what is wanted', async () => {
  const refused = await set(root.certificate);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('is PEM');
  expect(refused.stderr).toContain('garrison identity bundle show --format spiffe');
});

test('what is wrong in a file is told with its name', async () => {
  for (const text of ['nothing', '{"keys":3}', documentOf(named('spiffe://elsewhere.test'))]) {
    expect((await set(text)).stderr).toMatch(/^garrison: bundle: the /);
  }
});

test('roots that name this trust domain, or none, are taken', async () => {
  expect(await set(documentOf(root.certificate, named('spiffe://partner.test')))).toMatchObject({ code: 0 });
});
