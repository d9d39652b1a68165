import { readFileSync } from 'node:fs';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Config } from './config.ts';

/** What must never be shown: kept apart from the configuration, so that no page or log line of that can hold it. */
export interface Secrets {
  /** Of the certificate authority's keys; undefined: they are not encrypted. */
  readonly passphrase: string | undefined;
}

export function readSecrets({ passphraseFile }: Config): Secrets {
  return { passphrase: readPassphrase(passphraseFile, 'passphraseFile') };
}

/** The first line of a file; undefined where no file is named. */
export function readPassphrase(file: string | undefined, place: string): string | undefined {
  if (file === undefined) return undefined;
  let passphrase: string;
  try {
    passphrase = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the passphrase file \`${file}\` cannot be read`, {
      place,
      remedy: 'create it with mode 0600, or remove the setting',
      cause,
    });
  }
  if (passphrase !== '') return passphrase;
  throw new GarrisonError('FAILED_PRECONDITION', `the passphrase file \`${file}\` is empty`, {
    place,
    remedy: 'write the passphrase into its first line',
  });
}
