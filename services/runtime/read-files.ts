import { readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';

export interface FileText {
  /** As people find it: relative to the working folder where it lies below that. */
  readonly name: string;
  readonly text: Uint8Array;
}

/** Everything found at one moment. With faults the files are not all there are, and no decision should rest on them. */
export interface Snapshot {
  readonly files: readonly FileText[];
  /** A path that is not there (NOT_FOUND) or cannot be read (FAILED_PRECONDITION), each with its place. */
  readonly faults: readonly GarrisonError[];
  /** The folders that were walked: what to watch. */
  readonly folders: readonly string[];
}

const documentName = /\.(?:yaml|yml|json)$/;

/** Reads files as they are named and folders recursively, there only `*.yaml`, `*.yml` and `*.json`; sorted by name. */
export function readFiles(paths: readonly string[]): Snapshot {
  const found = new Map<string, Uint8Array>();
  const faults: GarrisonError[] = [];
  const folders = new Set<string>();
  for (const root of paths) {
    attempt(root, faults, () => {
      if (statSync(root).isDirectory()) walk(root, found, faults, folders, new Set());
      else found.set(root, readFileSync(root));
    });
  }
  const files = [...found].map(([file, text]) => ({ name: displayName(file), text }));
  return { files: files.sort((a, b) => (a.name < b.name ? -1 : 1)), faults, folders: [...folders] };
}

function walk(
  folder: string,
  found: Map<string, Uint8Array>,
  faults: GarrisonError[],
  folders: Set<string>,
  above: ReadonlySet<string>,
): void {
  const real = realpathSync(folder);
  if (above.has(real)) return; // a link to a folder above itself
  folders.add(folder);
  for (const entry of readdirSync(folder)) {
    // Kubernetes keeps the generations of a mounted volume in `..data` and `..2026_…` beside the links to them.
    if (entry.startsWith('.')) continue;
    const file = path.join(folder, entry);
    attempt(file, faults, () => {
      if (statSync(file).isDirectory()) walk(file, found, faults, folders, new Set([...above, real]));
      else if (documentName.test(entry)) found.set(file, readFileSync(file));
    });
  }
}

function attempt(file: string, faults: GarrisonError[], read: () => void): void {
  try {
    read();
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    const place = displayName(file);
    faults.push(
      cause.code === 'ENOENT' || cause.code === 'ENOTDIR'
        ? new GarrisonError('NOT_FOUND', 'no such file or folder', {
            place,
            remedy: 'create it or correct the path',
            cause,
          })
        : new GarrisonError('FAILED_PRECONDITION', `cannot be read (${cause.code ?? cause.message})`, {
            place,
            remedy: 'let the user that garrison runs as read it',
            cause,
          }),
    );
  }
}

export function displayName(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? file : relative;
}
