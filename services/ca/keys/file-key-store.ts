import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { keyIdOf } from '#ca/issue/issuer.ts';
import { sameKey } from '#ca/keys/same-key.ts';
import { keySigner, type Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import { readKeyFile, writeKeyFile } from './key-file.ts';
import type { FreshKey, KeyPlace, KeyRole, KeyStore } from './key-store.ts';

export interface FileKeyOptions {
  readonly state: StateFolder;
  /** Keys are written encrypted with it. */
  readonly passphrase: string | undefined;
}

/** Keys as PKCS#8 files (0600) in the authority's folder, encrypted where there is a passphrase. */
export class FileKeyStore implements KeyStore {
  readonly #options: FileKeyOptions;

  constructor(options: FileKeyOptions) {
    this.#options = options;
  }

  make(role: KeyRole): Promise<FreshKey> {
    // P-256: signing costs a fortieth of P-384 and the roots live no longer than it is thought safe.
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signer = keySigner(privateKey);
    const keep = (authority: string): Promise<void> => {
      const { state, passphrase } = this.#options;
      writeKeyFile(state, keyFile({ authority, role, key: signer.publicKey }), privateKey, passphrase);
      return Promise.resolve();
    };
    return Promise.resolve({ signer, keep, discard: () => Promise.resolve() });
  }

  open(place: KeyPlace): Promise<Signer> {
    return new Promise((resolve) => {
      resolve(this.#read(place));
    });
  }

  has(place: KeyPlace): Promise<boolean> {
    return Promise.resolve(existsSync(this.#options.state.join(keyFile(place))));
  }

  remove(place: KeyPlace): Promise<void> {
    this.#options.state.remove(keyFile(place));
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #read(place: KeyPlace): Signer {
    const { state, passphrase } = this.#options;
    const file = state.join(keyFile(place));
    const signer = keySigner(readKeyFile(file, passphrase));
    if (sameKey(signer.publicKey, place.key)) return signer;
    throw new GarrisonError('DATA_LOSS', `the private key \`${file}\` is not the one the ledger names`, {
      remedy: 'put the files of the authority back from the same backup',
    });
  }
}

/** Below the state folder. The root's key may be taken away: it is read only to make an intermediate. */
export function keyFile({ authority, role, key }: KeyPlace): string {
  // Named by its key, so that a new one can be written beside the old before the ledger names it.
  const suffix = role === 'issuing' ? `-${Buffer.from(keyIdOf(key)).toString('hex').slice(0, 8)}` : '';
  return `ca/authorities/${authority}/${role}-key${suffix}.pem`;
}
