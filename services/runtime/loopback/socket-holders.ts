import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileKey, groupsOf, startTimeOf } from '../peer-credentials.ts';
import type { UnixPeer } from '../peer.ts';

/** Links that are read before others get their turn. */
const chunk = 256;

interface Held {
  readonly pid: number;
  /** The descriptor, as a path below `/proc`. */
  readonly link: string;
}

/** Which processes hold which of these sockets. Processes of other users are seen only by who may look into them. */
export async function findHolders(
  inodes: ReadonlySet<string>,
  uids: ReadonlySet<number>,
  proc: string,
): Promise<Map<string, Held[]>> {
  const holders = new Map<string, Held[]>();
  const wanted = new Map([...inodes].map((inode) => [`socket:[${inode}]`, inode]));
  let read = 0;
  for (const name of list(proc)) {
    if (!/^[1-9]\d*$/.test(name) || !mayBeOf(uids, join(proc, name))) continue;
    const folder = join(proc, name, 'fd');
    for (const descriptor of list(folder)) {
      const link = join(folder, descriptor);
      const inode = wanted.get(attempt(() => readlinkSync(link)) ?? '');
      if (inode !== undefined) {
        const found = holders.get(inode) ?? [];
        // A process that holds it twice holds it once.
        if (found.at(-1)?.pid !== Number(name)) found.push({ pid: Number(name), link });
        holders.set(inode, found);
      }
      read += 1;
      if (read % chunk === 0) await setImmediate();
    }
  }
  return holders;
}

/**
 * What is true of the process and was true while it held the socket: the socket is looked for again after everything else
 * is read, and the start of the process must be what it was before, so that no pid that changed hands lends anything.
 */
export function describeHolder({ pid, link }: Held, inode: string, proc: string): UnixPeer | undefined {
  return attempt(() => {
    const folder = join(proc, String(pid));
    const born = startOf(folder);
    const status = readFileSync(join(folder, 'status'), 'utf8');
    const [uid, gid] = [effective(status, 'Uid'), effective(status, 'Gid')];
    const program = attempt(() => ({
      executable: readlinkSync(join(folder, 'exe')),
      binary: fileKey(statSync(join(folder, 'exe'), { bigint: true })),
    }));
    const holds = readlinkSync(link) === `socket:[${inode}]` && startOf(folder) === born;
    const seen = { pid, startTime: born, groups: groupsOf(status), ...program };
    return holds && uid !== undefined && gid !== undefined ? { uid, gid, ...seen } : undefined;
  });
}

/** `Uid: real effective saved filesystem`. */
function effective(status: string, name: 'Uid' | 'Gid'): number | undefined {
  const found = new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Field 22 of `/proc/PID/stat`; the program's name in the second may hold anything, spaces and brackets too. */
function startOf(folder: string): string {
  return startTimeOf(readFileSync(join(folder, 'stat'), 'latin1'));
}

/** Folders of processes that may not be traced belong to root, whoever they are. */
function mayBeOf(uids: ReadonlySet<number>, folder: string): boolean {
  const uid = attempt(() => statSync(folder).uid);
  return uid === 0 || (uid !== undefined && uids.has(uid));
}

function list(folder: string): string[] {
  return attempt(() => readdirSync(folder)) ?? [];
}

/** Processes come and go while one looks, and some are hidden. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
