import { type BigIntStats, closeSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import koffi from 'koffi';
import { GarrisonError } from '#proto/errors/index.ts';
import type { UnixPeer } from './peer.ts';

/** asm-generic/socket.h, which x86-64 and arm64 share. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;

type GetSockOpt = (fd: number, level: number, name: number, value: Buffer, length: number[]) => number;
let loaded: GetSockOpt | undefined;

function getsockopt(fd: number, name: number, size: number): Buffer | undefined {
  loaded ??= koffi
    .load(null)
    .func('int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)') as GetSockOpt;
  const value = Buffer.alloc(size);
  const length = [size];
  return loaded(fd, SOL_SOCKET, name, value, length) === 0 && length[0] === size ? value : undefined;
}

/**
 * Who connected a unix socket, from the kernel. The ids are those at connect(2) and cannot be forged; a pid may be reused
 * once its process is gone, so the executable is told only while a descriptor of that very process (SO_PEERPIDFD,
 * Linux 6.5) says it lives, and not at all on a kernel without it.
 */
export function readPeerCredentials(socket: Socket): UnixPeer {
  if (process.platform !== 'linux') {
    throw new GarrisonError(
      'UNIMPLEMENTED',
      `peer credentials of unix sockets are not read on \`${process.platform}\``,
      {
        remedy: 'run the workload API on Linux, or give workloads join tokens',
      },
    );
  }
  const fd = descriptorOf(socket);
  const ucred = getsockopt(fd, SO_PEERCRED, 12);
  if (ucred === undefined) throw new GarrisonError('UNAUTHENTICATED', 'the kernel does not say who connected');
  const peer = { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4), gid: ucred.readUInt32LE(8) };
  const pidfd = getsockopt(fd, SO_PEERPIDFD, 4)?.readInt32LE(0);
  if (pidfd === undefined) return peer;
  try {
    return { ...peer, ...programOf(peer.pid, pidfd) };
  } finally {
    closeSync(pidfd);
  }
}

type Seen = Pick<UnixPeer, 'executable' | 'binary' | 'startTime' | 'groups'>;

function programOf(pid: number, pidfd: number): Seen {
  const seen: Seen = {
    ...attempt(() => ({ startTime: startTimeOf(readFileSync(`/proc/${pid}/stat`, 'latin1')) })),
    ...attempt(() => ({ groups: groupsOf(readFileSync(`/proc/${pid}/status`, 'latin1')) })),
    ...attempt(() => ({
      executable: readlinkSync(`/proc/${pid}/exe`),
      binary: fileKey(statSync(`/proc/${pid}/exe`, { bigint: true })),
    })),
  };
  // Asked after reading: a process that still lives has not given its pid away, so all of this was its own.
  return attempt(() => (livingPid(pidfd) === pid ? seen : {}));
}

/** What cannot be read is not said: the process is gone, or of another user and hidden from this one. */
function attempt(read: () => Seen): Seen {
  try {
    return read();
  } catch {
    return {};
  }
}

/** proc_pid_stat(5), field 22. The program's name in field 2 holds what it likes, so one counts from its last `)`. */
export function startTimeOf(stat: string): string {
  const [time] = /^[0-9]+$/.exec(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '') ?? [];
  if (time !== undefined) return time;
  throw new GarrisonError('UNAVAILABLE', 'the kernel does not say when the process started');
}

/** proc_pid_status(5): the supplementary groups. */
export function groupsOf(status: string): number[] {
  return (/^Groups:[\t ]*([0-9 ]*)$/m.exec(status)?.[1] ?? '').split(' ').filter(Boolean).map(Number);
}

/** A file by what it is, not by where it lies: the same key, the same content. */
export function fileKey({ dev, ino, size, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, ctimeNs].join(':');
}

function livingPid(pidfd: number): number | undefined {
  const pid = /^Pid:\s+(-?[0-9]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${pidfd}`, 'utf8'))?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** Node has no public name for it (decision 20). */
function descriptorOf(socket: Socket): number {
  const handle = (socket as { _handle?: { fd?: unknown } })._handle;
  if (typeof handle?.fd === 'number' && handle.fd >= 0) return handle.fd;
  throw new GarrisonError('UNAUTHENTICATED', 'the connection closed before its peer was known');
}
