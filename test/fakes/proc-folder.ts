import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UnixPeer } from '#runtime/peer.ts';

/** A folder as the kernel's /proc is, with the processes that a test puts in. */
export class ProcFolder implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'gproc-'));

  /** The process as the kernel named it when it connected. */
  add(pid: number, cgroup: string, startTime = '4711'): UnixPeer {
    const folder = join(this.root, String(pid));
    mkdirSync(folder, { recursive: true });
    const fields = Array.from({ length: 20 }, (_, at) => (at === 19 ? startTime : '0'));
    // A program may call itself anything.
    writeFileSync(join(folder, 'stat'), `${pid} (a) R 1 (b) ${fields.join(' ').replace(/^0/, 'S')} 0 0\n`);
    writeFileSync(join(folder, 'cgroup'), cgroup);
    return { pid, uid: 1000, gid: 1000, startTime };
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
