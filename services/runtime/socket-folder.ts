import { statSync } from 'node:fs';
import path from 'node:path';

/** The mode of a folder that is made for a socket: whoever may connect must be able to come to it, and no more. */
export function folderModeFor(socketMode: number): number {
  if ((socketMode & 0o006) !== 0) return 0o755;
  return (socketMode & 0o060) === 0 ? 0o700 : 0o750;
}

/** The first folder above a socket that keeps out whom the socket's own mode lets in; undefined where none does. */
export function closedFolder(socket: string, socketMode: number): string | undefined {
  const mode = folderModeFor(socketMode);
  if (mode === 0o700) return undefined;
  // A member of the socket's group may come through a folder of another group as one of the others.
  const enough = mode === 0o755 ? 0o001 : 0o011;
  const names = path.dirname(path.resolve(socket)).split(path.sep);
  const above = names.map((_, depth) => names.slice(0, depth + 1).join(path.sep) || path.sep);
  return above.find((folder) => (statSync(folder).mode & enough) === 0);
}
