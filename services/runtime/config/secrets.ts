import { readFileSync } from 'node:fs';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Config } from './config.ts';

/** What must never be shown: kept apart from the configuration, so that no page or log line of that can hold it. */
export interface Secrets {
  /** Of the certificate authority's keys; undefined: they are not encrypted. */
  readonly passphrase: string | undefined;
}

export function readSecrets(config: Config): Secrets {
  const { passphraseFile } = config;
  if (passphraseFile === undefined) return { passphrase: undefined };
  try {
    const passphrase = readFileSync(passphraseFile, 'utf8').replace(/\r?\n$/, '');
    if (passphrase !== '') return { passphrase };
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the passphrase file \`${passphraseFile}\` cannot be read`, {
      place: 'passphraseFile',
      remedy: 'create it with mode 0600, or remove the setting',
      cause,
    });
  }
  throw new GarrisonError('FAILED_PRECONDITION', `the passphrase file \`${passphraseFile}\` is empty`, {
    place: 'passphraseFile',
    remedy: 'write the passphrase into its first line',
  });
}
