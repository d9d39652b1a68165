import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runCa } from '#test/fakes/running-ca.ts';
import { testWith } from '#test/fakes/installed.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gau-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const state = (...names: string[]): string => join(folder, 'state', ...names);
const authorityFolder = (): string => state('ca/authorities', readdirSync(state('ca/authorities'))[0]!);
const keyFile = (name: 'root-key' | 'issuing-key' | 'jwt-key'): string =>
  join(authorityFolder(), readdirSync(authorityFolder()).find((file) => file.startsWith(name)) ?? name);
const bundle = (): string => readFileSync(state('bundle.pem'), 'utf8');

async function runOnce(passphrase?: string): Promise<string> {
  const running = await runCa({ folder, ...(passphrase === undefined ? {} : { passphrase }) });
  await running[Symbol.asyncDispose]();
  return bundle();
}

describe('the authority', () => {
  test('is the same after a restart', async () => {
    expect(await runOnce()).toBe(await runOnce());
  });

  test('issues on when its root key was taken away', async () => {
    const before = await runOnce();
    renameSync(keyFile('root-key'), join(folder, 'root-key-in-a-safe.pem'));
    expect(await runOnce()).toBe(before);
  });

  testWith('openssl')('has keys that only the passphrase opens, in a form that openssl reads', async () => {
    await runOnce('open sesame');
    for (const name of ['root-key', 'issuing-key', 'jwt-key'] as const) {
      const pem = readFileSync(keyFile(name), 'utf8');
      expect(pem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
      expect(() => createPrivateKey(pem)).toThrow();
      const args = ['pkey', '-in', keyFile(name), '-passin', 'pass:open sesame', '-noout', '-text'];
      expect(execFileSync('openssl', args, { encoding: 'utf8' })).toMatch(/prime256v1/);
    }
    await expect(runOnce('open says me')).rejects.toThrow(/does not open/);
    await expect(runOnce()).rejects.toThrow(/is encrypted/);
    await runOnce('open sesame');
  });

  test('survives the loss of its ledger with the same root', async () => {
    const before = await runOnce();
    for (const name of readdirSync(state('ca'))) if (name.startsWith('ledger')) rmSync(state('ca', name));
    expect(await runOnce()).toBe(before);
  });

  test('does not start under the name of another trust domain', async () => {
    await runOnce();
    await expect(runCa({ folder, settings: { trustDomain: 'other.org' as never } })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      place: 'trustDomain',
    });
  });

  test('does not use a key that others may read', async () => {
    await runOnce();
    chmodSync(keyFile('issuing-key'), 0o644);
    await expect(runOnce()).rejects.toThrow(/others than its owner may read/);
  });

  test('does not start with a key of another certificate, or without one', async () => {
    await runOnce();
    writeFileSync(keyFile('issuing-key'), readFileSync(keyFile('root-key')));
    await expect(runOnce()).rejects.toMatchObject({ code: 'DATA_LOSS' });
    rmSync(keyFile('issuing-key'));
    await expect(runOnce()).rejects.toThrow(/cannot be read/);
  });

  testWith('openssl')('has a root for ten years and an intermediate for one, which openssl verifies', async () => {
    await runOnce();
    const [root, issuing] = ['root.pem', 'issuing.pem'].map((name) => join(authorityFolder(), name));
    expect(
      execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', root!, issuing!], { encoding: 'utf8' }),
    ).toMatch(/OK/);
    const years = [root, issuing].map((file) => {
      const { validToDate, validFromDate } = new X509Certificate(readFileSync(file!));
      return Math.round((validToDate.getTime() - validFromDate.getTime()) / 31_536_000_000);
    });
    expect(years).toEqual([10, 1]);
  });
});

test('a damaged ledger is told, not papered over', async () => {
  await runOnce();
  writeFileSync(state('ca/ledger.db'), 'not a database at all, but long enough to be looked at'.repeat(100));
  await expect(runOnce()).rejects.toMatchObject({ code: 'DATA_LOSS' });
});
