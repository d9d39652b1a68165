import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { pluggedInFiles, type PluggedInFile, type PluggedInTexts } from './read-plugged-in.ts';

/** The files as they are now. A private key that everybody may read is none. */
export function lookIntoFolder(folder: string): PluggedInTexts {
  const found = new Map<PluggedInFile, string>();
  for (const name of pluggedInFiles) {
    const text = read(path.join(folder, name), name === 'ca-key.pem');
    if (text !== undefined) found.set(name, text);
  }
  return found;
}

function read(file: string, secret: boolean): string | undefined {
  try {
    if (secret && (statSync(file).mode & 0o007) !== 0) {
      throw new GarrisonError('FAILED_PRECONDITION', `everybody may read the private key \`${file}\``, {
        place: 'ca.pluggedIn',
        remedy: 'take the rights of others away (`chmod o= FILE`; `defaultMode: 0400` of a mounted secret)',
      });
    }
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof GarrisonError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` cannot be read`, {
      place: 'ca.pluggedIn',
      remedy: 'let the user that garrison runs as read it',
      cause,
    });
  }
}
