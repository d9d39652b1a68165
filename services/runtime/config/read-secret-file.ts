import { readFileSync, statSync } from 'node:fs';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Logger } from '../logger.ts';

export interface SecretFile {
  readonly file: string;
  readonly holds: 'passphrase' | 'PIN' | 'password';
  /** The setting that names it. */
  readonly place: string;
}

/** A file with a secret in it that others than its owner may read or write. */
export interface ExposedFile {
  readonly setting: string;
  readonly file: string;
  readonly mode: string;
  readonly remedy: string;
}

export type OnExposed = (exposed: ExposedFile) => void;

/** What a file holds beside the end of its line. It is read even if others may do so too: whoever runs it is told. */
export function readSecretFile({ file, holds, place }: SecretFile, onExposed: OnExposed): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the ${holds} file \`${file}\` cannot be read`, {
      place,
      remedy: 'create it with mode 0600, or remove the setting',
      cause,
    });
  }
  tellIfExposed(file, place, onExposed);
  return text.replace(/\r?\n$/, '');
}

export function tellIfExposed(file: string, setting: string, onExposed: OnExposed): void {
  const mode = (statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o777;
  if ((mode & 0o077) === 0) return;
  onExposed({ setting, file, mode: mode.toString(8).padStart(4, '0'), remedy: `\`chmod 600 ${file}\`` });
}

export function warnOfExposed(logger: Logger): OnExposed {
  return (exposed) => logger.warn('others may read a file with a secret', { ...exposed });
}
