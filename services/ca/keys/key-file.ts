import { createPrivateKey, randomBytes, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { encryptPrivateKey } from '#ca/keys/encrypt-key.ts';
import { encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { StateFolder } from '#runtime/state-folder.ts';

/** Writes a private key as PKCS#8 PEM, mode 0600, encrypted where there is a passphrase. */
export function writeKeyFile(state: StateFolder, name: string, key: KeyObject, passphrase: string | undefined): void {
  const pem =
    passphrase === undefined
      ? key.export({ format: 'pem', type: 'pkcs8' }).toString()
      : encodePem('ENCRYPTED PRIVATE KEY', encryptPrivateKey(key, passphrase, randomBytes));
  state.write(name, pem, 0o600);
}

/**
 * Reads a private key; refuses a file that others may read, for then it is no secret any more. `setting` is where the
 * passphrase came from, or would.
 */
export function readKeyFile(file: string, passphrase: string | undefined, setting = 'passphraseFile'): KeyObject {
  const remedy = `name a file with the passphrase it was written with as \`${setting}\``;
  let pem: string;
  try {
    if ((statSync(file).mode & 0o077) !== 0) {
      throw new GarrisonError('FAILED_PRECONDITION', `others than its owner may read the private key \`${file}\``, {
        remedy: 'make it 0600 and, if anybody may have read it, replace it',
      });
    }
    pem = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof GarrisonError) throw cause;
    throw new GarrisonError('FAILED_PRECONDITION', `the private key \`${file}\` cannot be read`, {
      remedy: 'put the file back from a backup, or start with a new state folder',
      cause,
    });
  }
  const encrypted = pem.includes('ENCRYPTED');
  if (encrypted && passphrase === undefined) {
    throw new GarrisonError('FAILED_PRECONDITION', `the private key \`${file}\` is encrypted`, { remedy });
  }
  try {
    return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
  } catch (cause) {
    const message = encrypted
      ? `the passphrase does not open the private key \`${file}\``
      : `\`${file}\` holds no private key`;
    throw new GarrisonError('FAILED_PRECONDITION', message, { remedy: encrypted ? remedy : 'put it back', cause });
  }
}
