import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from './make-folder.ts';

/**
 * Writes a long text whole or not at all, as StateFolder.write does, and lets the process do other work meanwhile: the disk
 * is waited for elsewhere, and no piece is longer than what is given.
 */
export async function writeInPieces(file: string, pieces: Iterable<string>, mode = 0o600): Promise<void> {
  const fresh = `${file}.${process.pid}.new`;
  try {
    makeFolder(path.dirname(file));
    await rm(fresh, { force: true });
    await write(fresh, pieces, mode);
    await rename(fresh, file);
    await syncFolder(path.dirname(file));
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}

async function write(file: string, pieces: Iterable<string>, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    for (const piece of pieces) await handle.write(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A rename is durable once the folder that names the file is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
