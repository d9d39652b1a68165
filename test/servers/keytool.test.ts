import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { runVerb, type VerbRun } from '#test/fakes/run-verb.ts';

const password = 'correct horse';
let running: RunningCa;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gkt-'));
  running = await runCa();
  await garrison(['identity', 'mint', '--service-account', 'shop/cart', '--out', folder]);
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

function garrison(args: readonly string[]): Promise<VerbRun> {
  return runVerb(args, { cwd: running.folder, env: { GARRISON_EXPORT_PASSWORD: password } });
}

function keytool(args: readonly string[]): { status: number | null; stdout: string } {
  return spawnSync('keytool', ['-J-Duser.language=en', ...args], { encoding: 'utf8' });
}

describe('Java', () => {
  const cart = 'spiffe://example.org/ns/shop/sa/cart';

  test('opens a key store: one private key with its whole chain', async () => {
    const store = join(folder, 'cart.p12');
    const args = ['identity', 'export', cart, '--format', 'p12', '--key', join(folder, 'key.pem'), '--out', store];
    expect((await garrison(args)).code).toBe(0);
    const list = keytool(['-list', '-v', '-keystore', store, '-storepass', password]);
    expect(list).toMatchObject({ status: 0 });
    expect(list.stdout).toContain('Entry type: PrivateKeyEntry');
    expect(list.stdout).toContain('Certificate chain length: 3');
    expect(list.stdout).toContain(`URIName: ${cart}`);
    // Java opens the key itself only when it is used.
    const request = keytool(['-certreq', '-keystore', store, '-storepass', password, '-alias', 'garrison']);
    expect(request.stdout).toContain('BEGIN NEW CERTIFICATE REQUEST');
  }, 60_000);

  test('takes the roots of a trust store for trusted', async () => {
    const store = join(folder, 'trust.p12');
    expect((await garrison(['identity', 'export', '--trust-store', '--format', 'p12', '--out', store])).code).toBe(0);
    const list = keytool(['-list', '-keystore', store, '-storepass', password]);
    expect(list.stdout).toContain('trustedCertEntry');
  }, 60_000);

  test('reads a PKCS#7 chain', async () => {
    const chain = join(folder, 'cart.p7b');
    expect((await garrison(['identity', 'export', cart, '--format', 'p7b', '--out', chain])).code).toBe(0);
    const printed = keytool(['-printcert', '-file', chain]);
    expect(printed.stdout.match(/^Owner:/gm)).toHaveLength(3);
  }, 60_000);
});
