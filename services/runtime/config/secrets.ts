import { GarrisonError } from '#proto/errors/index.ts';
import type { Config } from './config.ts';
import { type OnExposed, readSecretFile } from './read-secret-file.ts';

/** What must never be shown: kept apart from the configuration, so that no page or log line of that can hold it. */
export interface Secrets {
  /** Of the certificate authority's keys; undefined: they are not encrypted. */
  readonly passphrase: string | undefined;
}

export function readSecrets({ passphraseFile }: Config, onExposed: OnExposed): Secrets {
  return { passphrase: readPassphrase(passphraseFile, 'passphraseFile', onExposed) };
}

/** The first line of a file; undefined where no file is named. */
export function readPassphrase(file: string | undefined, place: string, onExposed: OnExposed): string | undefined {
  if (file === undefined) return undefined;
  const passphrase = readSecretFile({ file, holds: 'passphrase', place }, onExposed);
  if (passphrase !== '') return passphrase;
  throw new GarrisonError('FAILED_PRECONDITION', `the passphrase file \`${file}\` is empty`, {
    place,
    remedy: 'write the passphrase into its first line',
  });
}
