import { readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { finish, sorted } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';

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
  return finish(readFilesSteps(paths));
}

/** A step for each file. */
export function* readFilesSteps(paths: readonly string[]): Steps<Snapshot> {
  const reading: Reading = { found: new Map(), faults: [], folders: new Set() };
  for (const root of paths) yield* readPath(root, true, reading, new Set());
  const files = [...reading.found].map(([file, text]) => ({ name: displayName(file), text }));
  const inOrder = yield* sorted(files, (a, b) => (a.name < b.name ? -1 : 1));
  return { files: inOrder, faults: reading.faults, folders: [...reading.folders] };
}

interface Reading {
  readonly found: Map<string, Uint8Array>;
  readonly faults: GarrisonError[];
  readonly folders: Set<string>;
}

function* readPath(file: string, wanted: boolean, reading: Reading, above: ReadonlySet<string>): Steps<void> {
  let names: readonly string[] = [];
  let within = above;
  attempt(file, reading.faults, () => {
    if (statSync(file).isDirectory()) {
      const real = realpathSync(file);
      if (above.has(real)) return; // a link to a folder above itself
      reading.folders.add(file);
      names = readdirSync(file);
      within = new Set([...above, real]);
    } else if (wanted) {
      reading.found.set(file, readFileSync(file));
    }
  });
  yield;
  for (const name of names) {
    // Kubernetes keeps the generations of a mounted volume in `..data` and `..2026_…` beside the links to them.
    if (!name.startsWith('.')) yield* readPath(path.join(file, name), documentName.test(name), reading, within);
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
