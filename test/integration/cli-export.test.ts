import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { runVerb, type VerbRun } from '#test/fakes/run-verb.ts';

const cart = 'spiffe://example.org/ns/shop/sa/cart';
const password = 'correct horse';
let running: RunningCa;
let folder: string;
let key: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gex-'));
  running = await runCa();
  const minted = await garrison(['identity', 'mint', '--service-account', 'shop/cart', '--out', folder]);
  expect(minted.code).toBe(0);
  key = join(folder, 'key.pem');
  writeFileSync(join(folder, 'password'), `${password}\n`, { mode: 0o600 });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function garrison(
  args: readonly string[],
  options: { stdin?: string; env?: Record<string, string> } = {},
): Promise<VerbRun> {
  return runVerb(args, { cwd: running.folder, ...options });
}

function openssl(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('openssl', args, { encoding: 'utf8' });
}

describe('identity export', () => {
  test('a PKCS#12 key store opens with OpenSSL: key, leaf, intermediate and root', async () => {
    const out = join(folder, 'cart.p12');
    const args = ['identity', 'export', cart, '--format', 'p12', '--key', key, '--out', out, '--alias', 'cart'];
    const made = await garrison([...args, '--password-file', join(folder, 'password')]);
    expect(made).toMatchObject({ code: 0 });
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const read = openssl(['pkcs12', '-in', out, '-passin', `pass:${password}`, '-noenc']);
    expect(read.status).toBe(0);
    expect(read.stdout.match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
    expect(read.stdout).toContain('friendlyName: cart');
    const plain = readFileSync(key, 'utf8').trim();
    expect(read.stdout).toContain(plain);
    const info = openssl(['pkcs12', '-in', out, '-passin', `pass:${password}`, '-info', '-noout']);
    expect(info.stderr).toContain('MAC: sha256, Iteration 100000');
    expect(info.stderr).toContain('PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256');
    expect(openssl(['pkcs12', '-in', out, '-passin', 'pass:wrong', '-noenc']).status).not.toBe(0);
  });

  test('the password also comes from standard input and the environment, and never lies in the output', async () => {
    const args = ['identity', 'export', cart, '--format', 'p12', '--key', key, '--output', 'json'];
    const piped = await garrison([...args, '--out', join(folder, 'a.p12'), '--password-file', '-'], {
      stdin: password,
    });
    const variable = { GARRISON_EXPORT_PASSWORD: password };
    const named = await garrison([...args, '--out', join(folder, 'b.p12')], { env: variable });
    for (const [ran, file] of [
      [piped, 'a.p12'],
      [named, 'b.p12'],
    ] as const) {
      expect(ran.code).toBe(0);
      expect(ran.stdout + ran.stderr).not.toContain(password);
      expect(openssl(['pkcs12', '-in', join(folder, file), '-passin', `pass:${password}`, '-noenc']).status).toBe(0);
    }
  });

  test('a trust store and a chain in PKCS#7', async () => {
    const store = join(folder, 'trust.p12');
    const args = ['identity', 'export', '--trust-store', '--format', 'p12', '--out', store];
    expect((await garrison(args, { env: { GARRISON_EXPORT_PASSWORD: password } })).code).toBe(0);
    const read = openssl(['pkcs12', '-in', store, '-passin', `pass:${password}`, '-nokeys']);
    expect(read.stdout.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    const chain = join(folder, 'cart.p7b');
    expect((await garrison(['identity', 'export', cart, '--format', 'p7b', '--out', chain])).code).toBe(0);
    const certificates = openssl(['pkcs7', '-in', chain, '-print_certs']);
    expect(certificates.stdout.match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
    expect(openssl(['pkcs7', '-in', chain, '-noout', '-text']).status).toBe(0);
  });

  test('PEM by serial verifies against the exported roots', async () => {
    const [minted] = (
      await garrison(['identity', 'list', '--service-account', 'shop/cart', '--output', 'json'])
    ).json();
    const chain = await garrison(['identity', 'export', String(minted?.['serial']), '--format', 'pem']);
    const roots = await garrison(['identity', 'export', '--trust-store', '--format', 'pem']);
    writeFileSync(join(folder, 'chain.pem'), chain.stdout);
    writeFileSync(join(folder, 'roots.pem'), roots.stdout);
    const file = (name: string): string => join(folder, name);
    const args = ['verify', '-CAfile', file('roots.pem'), '-untrusted', file('chain.pem'), file('chain.pem')];
    expect(openssl(args)).toMatchObject({ status: 0 });
    const whole = await garrison(['identity', 'export', cart, '--format', 'pem', '--key', key]);
    expect(whole.stdout).toContain('BEGIN PRIVATE KEY');
  });

  test.each([
    [['nothing'], 2, 'SPIFFE'],
    [[cart, '--trust-store'], 2, 'one thing'],
    [[], 2, 'one thing'],
    [['0123'], 2, 'no certificate has the serial'],
    [['spiffe://example.org/ns/shop/sa/nobody'], 2, 'no certificate that is good now'],
  ])('%j is refused', async (args, code, words) => {
    const ran = await garrison(['identity', 'export', ...args, '--format', 'pem']);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toContain(words);
  });

  test('a foreign key, a missing key, a missing password, an unknown format and a p12 as text are refused', async () => {
    const other = join(folder, 'other.pem');
    openssl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', other]);
    const said = async (...args: string[]): Promise<string> =>
      (await garrison(['identity', 'export', cart, ...args])).stderr;
    const out = ['--out', join(folder, 'no.p12')];
    expect(await said('--format', 'p12', '--key', other, ...out)).toContain('not the key of this certificate');
    expect(await said('--format', 'p12', ...out)).toContain('needs the private key');
    expect(await said('--format', 'p12', '--key', key, ...out)).toContain('needs a password');
    expect(await said('--format', 'jks')).toContain('choose `pem`, `p12` or `p7b`');
    const variable = { GARRISON_EXPORT_PASSWORD: 'grün' };
    const foreign = await garrison(['identity', 'export', cart, '--format', 'p12', '--key', key, ...out], {
      env: variable,
    });
    expect(foreign.stderr).toContain('ASCII');
    expect(existsSync(join(folder, 'no.p12'))).toBe(false);
  });
});

describe('identity register', () => {
  const args = ['identity', 'register', 'cart', '--service-account', 'shop/cart', '--selector', 'unix:uid:77'];

  test('writes a document that loads with the others, once', async () => {
    const made = await garrison([...args, '--dns-name', 'cart.shop.svc', '--x509-ttl', '30m', '--output', 'json']);
    expect(made.code).toBe(0);
    const file = String(made.json()[0]?.['file']);
    expect(file).toBe(join(running.folder, 'policies', 'registration-shop-cart.yaml'));
    expect((await garrison(['policy', 'validate', '--trust-domain', 'example.org', file])).code).toBe(0);
    const again = await garrison(args);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('is there already');
  });

  test('shows instead of writing, and refuses what would not load', async () => {
    const shown = await garrison([...args, '--print', '--downstream', '--namespace', 'other']);
    expect(shown.stdout).toContain('downstream: true');
    expect(shown.stdout).toContain('namespace: "other"');
    const node = ['identity', 'register', 'rack', '--spiffe-id', 'spiffe://example.org/nodes/rack', '--print'];
    const selected = [...node, '--selector', 'x509pop:subject:cn:rack-7'];
    const rack = await garrison([...selected, '--node-identity', 'spiffe://example.org/ns/shop/*']);
    expect(rack).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('node:\n    identities:\n      - "spiffe:'),
    });
    const without = await garrison(selected);
    expect(without.code).toBe(2);
    expect(without.stderr).toContain('`--node-identity`');
    const bad = await garrison(['identity', 'register', 'x', '--service-account', 'shop/x', '--selector', 'color:red']);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('is not a selector');
    expect(existsSync(join(running.folder, 'policies', 'registration-shop-x.yaml'))).toBe(false);
  });
});
