import { chmodSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * A folder, for its owner only unless told otherwise, with the folders above it. By hand, because `mkdirSync` with
 * `recursive` never returns where the system says that a folder below an existing one cannot be found, as it does in
 * /proc. What is there already keeps the mode it has.
 */
export function makeFolder(folder: string, mode = 0o700): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = path.dirname(folder);
  if (parent !== folder) makeFolder(parent, mode);
  try {
    mkdirSync(folder, { mode: 0o700 });
    // The mask of the process would take from a mode that was asked for.
    if (mode !== 0o700) chmodSync(folder, mode);
  } catch (error) {
    // Somebody else may have made it meanwhile; anything but a folder stays an error.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(folder).isDirectory()) throw error;
  }
}
