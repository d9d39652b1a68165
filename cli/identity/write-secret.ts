import { closeSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';

/** Writes a file whole or not at all, 0600 from its first moment unless told otherwise. */
export function writeSecret(file: string, content: string | Uint8Array, mode = 0o600): void {
  const fresh = `${file}.${process.pid}.new`;
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    rmSync(fresh, { force: true });
    const fd = openSync(fresh, 'wx', mode);
    try {
      writeSync(fd, typeof content === 'string' ? Buffer.from(content) : content);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, file);
  } catch (cause) {
    rmSync(fresh, { force: true });
    throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` cannot be written`, {
      remedy: 'choose another place with `--out`',
      cause,
    });
  }
}
