import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StateFolder } from '#runtime/state-folder.ts';
import { BorrowedKeys } from '#services/ca/keys/borrowed-keys.ts';
import { FallbackKeyStore } from '#services/ca/keys/fallback-key-store.ts';
import { FileKeyStore } from '#services/ca/keys/file-key-store.ts';
import type { KeyStore } from '#services/ca/keys/key-store.ts';
import { describeKeyStore, type KeyStoreUnderTest } from './key-store-contract.ts';

function inFolder(open: (folder: string) => KeyStore): () => Promise<KeyStoreUnderTest> {
  return () => {
    const folder = mkdtempSync(join(tmpdir(), 'gks-'));
    return Promise.resolve({
      keys: open(folder),
      again: () => Promise.resolve(open(folder)),
      [Symbol.asyncDispose]: () => {
        rmSync(folder, { recursive: true });
        return Promise.resolve();
      },
    });
  };
}

const files = (folder: string, passphrase: string | undefined): FileKeyStore =>
  new FileKeyStore({ state: StateFolder.open(folder), passphrase });

describeKeyStore(
  'plain files',
  inFolder((folder) => files(folder, undefined)),
);
describeKeyStore(
  'encrypted files',
  inFolder((folder) => files(folder, 'correct horse')),
);
describeKeyStore(
  'one store before another, beside keys that are borrowed',
  inFolder(
    (folder) => new BorrowedKeys(new FallbackKeyStore(files(folder, undefined), files(join(folder, 'b'), undefined))),
  ),
);
