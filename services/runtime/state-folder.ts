import { accessSync, chmodSync, constants, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { makeFolder } from './make-folder.ts';

/** The folder where a process keeps what it must not lose or show: only its owner may enter (0700). */
export class StateFolder {
  readonly path: string;

  private constructor(folder: string) {
    this.path = folder;
  }

  /** Creates it where needed. Refuses a folder that others may write to: they could swap the keys in it. */
  static open(folder: string, setting = 'state'): StateFolder {
    try {
      makeFolder(folder);
      const { mode, uid } = statSync(folder);
      const own = process.getuid?.();
      if (own !== undefined && uid === own) chmodSync(folder, 0o700);
      else if ((mode & 0o022) !== 0) throw unusable(folder, 'others may write to it', setting);
      accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
      return new StateFolder(folder);
    } catch (error) {
      if (error instanceof GarrisonError) throw error;
      throw unusable(folder, (error as NodeJS.ErrnoException).code ?? String(error), setting, error);
    }
  }

  join(...names: readonly string[]): string {
    return path.join(this.path, ...names);
  }

  /** Undefined when there is none. */
  read(name: string): string | undefined {
    try {
      return readFileSync(this.join(name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw unusable(this.join(name), (error as NodeJS.ErrnoException).code ?? String(error), 'state', error);
    }
  }

  /** Whole or not at all, also when the machine stops half way; 0600 unless told otherwise. */
  write(name: string, text: string, mode = 0o600): void {
    const file = this.join(name);
    const fresh = `${file}.${process.pid}.new`;
    try {
      makeFolder(path.dirname(file));
      rmSync(fresh, { force: true });
      const fd = openSync(fresh, 'wx', mode);
      try {
        writeSync(fd, text);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(fresh, file);
      syncFolder(path.dirname(file));
    } catch (error) {
      rmSync(fresh, { force: true });
      throw unusable(file, (error as NodeJS.ErrnoException).code ?? String(error), 'state', error);
    }
  }

  remove(name: string): void {
    rmSync(this.join(name), { force: true });
  }
}

/** A rename is durable once the folder that names the file is. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function unusable(file: string, reason: string, setting: string, cause?: unknown): GarrisonError {
  return new GarrisonError('FAILED_PRECONDITION', `cannot keep state in \`${file}\` (${reason})`, {
    place: setting,
    remedy: `make it a folder that only this user may write to, or choose another with the setting \`${setting}\``,
    cause,
  });
}
