import path from 'node:path';
import { readFiles } from '#runtime/read-files.ts';
import type { FileText } from '#runtime/read-files.ts';

/** The files that paths stand for, folders walked. A path that is not there or cannot be read is an error, not an empty answer. */
export function readSources(paths: readonly string[], cwd: string): readonly FileText[] {
  const { files, faults } = readFiles(paths.map((each) => path.resolve(cwd, each)));
  const [fault] = faults;
  if (fault !== undefined) throw fault;
  return files;
}
