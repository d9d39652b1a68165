import { GarrisonError } from '#proto/errors/index.ts';
import type { Pkcs11Config } from './ca-keys-config.ts';
import { type OnExposed, readSecretFile } from './read-secret-file.ts';

/** Read once, at the start; it is in no configuration, page or log. */
export function readPin(from: Pkcs11Config['pin'], onExposed: OnExposed): string {
  if ('variable' in from) {
    const pin = process.env[from.variable];
    if (pin !== undefined && pin !== '') return pin;
    throw new GarrisonError('FAILED_PRECONDITION', `the environment variable \`${from.variable}\` holds no PIN`, {
      place: 'ca.keys.pinVariable',
      remedy: 'set it for this process',
    });
  }
  const place = 'ca.keys.pin';
  const [pin = ''] = readSecretFile({ file: from.file, holds: 'PIN', place }, onExposed).split(/\r?\n/, 1);
  if (pin !== '') return pin;
  throw new GarrisonError('FAILED_PRECONDITION', `the PIN file \`${from.file}\` is empty`, {
    place,
    remedy: 'write the PIN into its first line',
  });
}
