import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { asGarrisonError } from '#proto/errors/index.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { readKeyFile, writeKeyFile } from '#services/ca/keys/key-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'gkf-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeKeyFile(
  StateFolder.open(folder),
  'key.pem',
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  'correct horse',
);

function refusal(passphrase: string | undefined, setting?: string): string {
  try {
    readKeyFile(join(folder, 'key.pem'), passphrase, setting);
  } catch (error) {
    return asGarrisonError(error).describe();
  }
  return 'read';
}

test('a key that no passphrase opens says which setting is read, and names nothing that is not', () => {
  for (const passphrase of [undefined, 'wrong']) {
    expect(refusal(passphrase)).toContain('`passphraseFile`');
    expect(refusal(passphrase, 'root.passphraseFile')).toContain('`root.passphraseFile`');
    expect(refusal(passphrase)).not.toContain('GARRISON_');
  }
  expect(refusal('correct horse')).toBe('read');
});
