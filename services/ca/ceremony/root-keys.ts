import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { PublicKey } from '#ca/keys/public-key.ts';
import { sameKey } from '#ca/keys/same-key.ts';
import { keySigner, type Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { OnExposed } from '#runtime/config/read-secret-file.ts';
import { readPassphrase } from '#runtime/config/secrets.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { readKeyFile, writeKeyFile } from '../keys/key-file.ts';
import type { FreshKey, KeyStore } from '../keys/key-store.ts';
import { openKeys } from '../keys/open-keys.ts';
import type { CeremonyPlan } from './ceremony-plan.ts';

/** The key of a root in a file, apart from everything that a running authority needs. */
export const rootKeyFile = 'root-key.pem';

/** Where the root's key is made, and found again when the next intermediate is due. */
export interface RootKeys extends AsyncDisposable {
  make(): Promise<FreshKey>;
  open(key: PublicKey): Promise<Signer>;
}

export async function openRootKeys(
  { root, trustDomain }: CeremonyPlan,
  { clock, onExposed }: { clock: Clock; onExposed: OnExposed },
): Promise<RootKeys> {
  const passphrase = readPassphrase(root.passphraseFile, 'root.passphraseFile', onExposed);
  if (root.keys.kind === 'file') return fileKeys(root.folder, passphrase);
  const state = StateFolder.open(root.folder, 'root.folder');
  const store: KeyStore = await openKeys(root.keys, {
    state,
    passphrase,
    trustDomain,
    clock,
    onHealth: () => undefined,
    onExposed,
  });
  return {
    make: () => store.make('root'),
    open: (key) => store.open({ authority: 'root', role: 'root', key }),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
    },
  };
}

function fileKeys(folder: string, passphrase: string | undefined): RootKeys {
  return {
    make: () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const keep = (): Promise<void> => {
        writeKeyFile(StateFolder.open(folder, 'root.folder'), rootKeyFile, privateKey, passphrase);
        return Promise.resolve();
      };
      return Promise.resolve({ signer: keySigner(privateKey), keep, discard: () => Promise.resolve() });
    },
    open: (key) => {
      const file = path.join(folder, rootKeyFile);
      if (!existsSync(file)) {
        throw new GarrisonError('FAILED_PRECONDITION', `the key of the root is needed, and \`${file}\` is not there`, {
          place: 'root.folder',
          remedy: `bring it back to \`${folder}\` for as long as this takes, or name the folder it is in as \`root.folder\``,
        });
      }
      const signer = keySigner(readKeyFile(file, passphrase, 'root.passphraseFile'));
      if (sameKey(signer.publicKey, key)) return Promise.resolve(signer);
      throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` is not the key of the root that signs`, {
        remedy: 'bring the key that the ceremony of this root made',
      });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
