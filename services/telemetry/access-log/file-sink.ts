import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { GarrisonError } from '#proto/errors/index.ts';
import type { LineSink } from './line-sink.ts';

export interface FileSinkOptions {
  readonly file: string;
  /** A file that would grow beyond it is moved to `file.1`, that one to `file.2`, and so on. */
  readonly maxBytes: number;
  /** How many moved files stay. */
  readonly keep: number;
}

/** A log file that rotates by size and can be rotated by others. */
export class FileSink implements LineSink {
  readonly #options: FileSinkOptions;
  #handle: FileHandle | undefined;
  #bytes = 0;
  #reopen = false;

  constructor(options: FileSinkOptions) {
    this.#options = options;
  }

  /** Opens the file now, so that a path that cannot be written is an error at start. */
  static async create(options: FileSinkOptions): Promise<FileSink> {
    const sink = new FileSink(options);
    try {
      await sink.#current();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new GarrisonError('FAILED_PRECONDITION', `access log cannot be written: ${why}`, {
        place: options.file,
        remedy: 'make its folder writable or choose another path with the setting `telemetry.accessLog.file`',
        cause,
      });
    }
    return sink;
  }

  async write(lines: string): Promise<void> {
    const bytes = Buffer.from(lines);
    if (this.#reopen) await this.#close();
    let handle = await this.#current();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#options.maxBytes) {
      await this.#rotate();
      handle = await this.#current();
    }
    // `appendFile` goes on after a short write.
    await handle.appendFile(bytes);
    this.#bytes += bytes.length;
  }

  reopen(): void {
    this.#reopen = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #current(): Promise<FileHandle> {
    if (this.#handle !== undefined) return this.#handle;
    // Whoever reads logs is not whoever may add to them: the file is its owner's, and no link is followed to another.
    const flags = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NOFOLLOW;
    const handle = await open(this.#options.file, flags, 0o640);
    this.#bytes = (await handle.stat()).size;
    this.#handle = handle;
    return handle;
  }

  async #close(): Promise<void> {
    this.#reopen = false;
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #rotate(): Promise<void> {
    const { file, keep } = this.#options;
    await this.#close();
    await rm(`${file}.${keep}`, { force: true });
    for (let i = keep - 1; i >= 1; i--) await moveIfThere(`${file}.${i}`, `${file}.${i + 1}`);
    if (keep > 0) await moveIfThere(file, `${file}.1`);
    else await rm(file, { force: true });
  }
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
