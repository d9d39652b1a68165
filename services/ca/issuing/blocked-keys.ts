import { readFileSync } from 'node:fs';
import { keyHash } from '#ca/keys/published-keys.ts';
import type { PublicKey } from '#ca/keys/public-key.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/** Refuses a key that operators know to be compromised; throws. */
export type KeyCheck = (key: PublicKey) => void;

const line = /^\s*([0-9a-f]{64})?\s*(#.*)?$/i;

/**
 * Keys that nobody is to be certified for any more: a file with one SHA-256 of a SubjectPublicKeyInfo a line, as
 * `openssl pkey -pubin -outform DER | sha256sum` prints it, and remarks after `#`.
 */
export function readBlockedKeys(file: string | undefined): KeyCheck {
  if (file === undefined) return () => undefined;
  const blocked = new Set<string>();
  for (const [index, text] of read(file).split(/\r?\n/).entries()) {
    const [found, hash] = line.exec(text) ?? [];
    if (found === undefined) {
      throw new GarrisonError('INVALID_ARGUMENT', 'this is no SHA-256 of a public key', {
        place: `${file}:${index + 1}`,
        remedy: 'write 64 hexadecimal digits a line: `openssl pkey -pubin -in KEY -outform DER | sha256sum`',
      });
    }
    if (hash !== undefined) blocked.add(hash.toLowerCase());
  }
  return ({ spki }) => {
    if (!blocked.has(keyHash(spki))) return;
    throw new GarrisonError('INVALID_ARGUMENT', 'the key is on the list of keys that are certified no more', {
      place: 'ca.blockedKeys',
      remedy: 'make a new key',
    });
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the list of blocked keys \`${file}\` cannot be read`, {
      place: 'ca.blockedKeys',
      remedy: 'put it there, or remove the setting',
      cause,
    });
  }
}
