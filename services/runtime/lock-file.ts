import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { GarrisonError } from '#proto/errors/index.ts';
import { makeFolder } from './make-folder.ts';

/** SQLite's primary result code for a lock that somebody else has. */
const busy = 5;

/**
 * Held by one process at a time and given back by the kernel however that process ends, so that no stale lock is ever in
 * the way. Node has no flock; an SQLite file that is locked exclusively is the same lock.
 */
export function lockFile(file: string, setting = 'state'): Disposable {
  makeFolder(path.dirname(file));
  closeSync(openSync(file, 'a', 0o600));
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if (((cause as { errcode?: number }).errcode ?? 0) % 256 !== busy) throw cause;
    throw new GarrisonError('FAILED_PRECONDITION', `another process uses the folder \`${path.dirname(file)}\``, {
      place: setting,
      remedy: `stop that process, or choose another folder with the setting \`${setting}\``,
      cause,
    });
  }
  return { [Symbol.dispose]: () => database.close() };
}
