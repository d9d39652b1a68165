import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { keySigner } from '#ca/keys/signer.ts';
import { readBlockedKeys } from '#services/ca/issuing/blocked-keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'gbk-'));
afterAll(() => rmSync(folder, { recursive: true }));

const fresh = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const list = (text: string) => {
  const file = join(folder, 'blocked');
  writeFileSync(file, text);
  return readBlockedKeys(file);
};

test('a listed key is refused, others are not; the list is as OpenSSL makes it', () => {
  const key = fresh();
  const pem = createPublicKey(key).export({ format: 'pem', type: 'spki' });
  const der = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input: pem });
  const check = list(
    `# leaked in March\n\n${createHash('sha256').update(der).digest('hex').toUpperCase()}  # the cart\n`,
  );
  expect(() => check(keySigner(key).publicKey)).toThrow(/certified no more/);
  expect(() => check(keySigner(fresh()).publicKey)).not.toThrow();
});

test('without a list no key is blocked; a list that cannot be read, or holds something else, is refused', () => {
  expect(() => readBlockedKeys(undefined)(keySigner(fresh()).publicKey)).not.toThrow();
  expect(() => readBlockedKeys(join(folder, 'nothing'))).toThrow(/cannot be read/);
  expect(() => list('abc\n')).toThrow(/no SHA-256/);
});
