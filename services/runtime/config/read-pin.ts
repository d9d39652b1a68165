import { readFileSync } from 'node:fs';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Pkcs11Config } from './ca-keys-config.ts';

/** Read once, at the start; it is in no configuration, page or log. */
export function readPin(from: Pkcs11Config['pin']): string {
  const remedy = 'write the PIN into its first line';
  if ('variable' in from) {
    const pin = process.env[from.variable];
    if (pin !== undefined && pin !== '') return pin;
    throw new GarrisonError('FAILED_PRECONDITION', `the environment variable \`${from.variable}\` holds no PIN`, {
      place: 'ca.keys.pinVariable',
      remedy: 'set it for this process',
    });
  }
  let text: string;
  try {
    text = readFileSync(from.file, 'utf8');
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the PIN file \`${from.file}\` cannot be read`, {
      place: 'ca.keys.pin',
      remedy: 'create it with mode 0600',
      cause,
    });
  }
  const [pin = ''] = text.split(/\r?\n/, 1);
  if (pin !== '') return pin;
  throw new GarrisonError('FAILED_PRECONDITION', `the PIN file \`${from.file}\` is empty`, {
    place: 'ca.keys.pin',
    remedy,
  });
}
