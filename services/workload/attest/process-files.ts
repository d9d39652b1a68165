import { readFile } from 'node:fs/promises';
import { GarrisonError } from '#proto/errors/index.ts';
import { startTimeOf } from '#runtime/peer-credentials.ts';
import type { UnixPeer } from '#runtime/peer.ts';

/**
 * What the kernel tells of a process in its files. The pid is that of a connection made a while ago: by the time of start,
 * which was read while the kernel vouched for the process, the files are known to be that process's, before and after.
 */
export class ProcessFiles {
  readonly #root: string;

  constructor(root = '/proc') {
    this.#root = root;
  }

  /** Rejects when the process is gone, whoever has its pid now. */
  async read(process: UnixPeer, file: string): Promise<string> {
    await this.#check(process);
    const text = await readFile(`${this.#root}/${process.pid}/${file}`, 'latin1');
    await this.#check(process);
    return text;
  }

  async #check({ pid, startTime }: UnixPeer): Promise<void> {
    const now =
      startTime === undefined ? undefined : startTimeOf(await readFile(`${this.#root}/${pid}/stat`, 'latin1'));
    if (now !== undefined && now === startTime) return;
    throw new GarrisonError(
      'UNAVAILABLE',
      `the process ${pid} is not the one that connected, or the kernel does not say`,
    );
  }
}
