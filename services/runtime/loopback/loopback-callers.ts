import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import type { TcpAddress } from '../address.ts';
import type { UnixPeer } from '../peer.ts';
import { describeHolder, findHolders } from './socket-holders.ts';
import { ownerOf, type SocketOwner } from './socket-table.ts';

interface Question {
  /** The caller's end. */
  readonly local: TcpAddress;
  readonly remote: TcpAddress;
  readonly answer: (peer: UnixPeer) => void;
  readonly refuse: (error: unknown) => void;
}

/** Neither is a snapshot: a line of the table may be missed while others go, and a child that is just born holds what its parent holds. */
const attempts = 3;

/**
 * Who is at the other end of a connection over loopback, from the kernel: its table of sockets tells whose socket it is,
 * and `/proc/PID/fd` which process holds that. One look answers all who asked before it began.
 */
export class LoopbackCallers {
  readonly #proc: string;
  #waiting: Question[] = [];
  #looking = false;

  constructor(proc = '/proc') {
    this.#proc = proc;
  }

  identify({ remoteAddress, remotePort, localAddress, localPort }: Socket): Promise<UnixPeer> {
    if (process.platform !== 'linux') {
      const remedy = 'use the unix socket';
      return Promise.reject(
        new GarrisonError('UNIMPLEMENTED', `callers over TCP are not identified on \`${process.platform}\``, {
          remedy,
        }),
      );
    }
    const known = remotePort !== undefined && localPort !== undefined;
    if (remoteAddress === undefined || localAddress === undefined || !known) {
      return Promise.reject(new GarrisonError('CANCELLED', 'the connection closed before its peer was known'));
    }
    return new Promise((answer, refuse) => {
      const local = { host: unmapped(remoteAddress), port: remotePort };
      const remote = { host: unmapped(localAddress), port: localPort };
      this.#waiting.push({ local, remote, answer, refuse });
      if (!this.#looking) void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#looking = true;
    while (this.#waiting.length > 0) {
      const asked = this.#waiting;
      this.#waiting = [];
      try {
        await this.#answer(asked);
      } catch (cause) {
        for (const { refuse } of asked) refuse(unknown('the kernel’s table of sockets cannot be read', cause));
      }
    }
    this.#looking = false;
  }

  async #answer(asked: readonly Question[]): Promise<void> {
    let left = asked;
    for (let attempt = 1; left.length > 0; attempt += 1) {
      const owners = await this.#owners(left);
      const found = [...owners.values()];
      const inodes = new Set(found.map(({ inode }) => inode));
      const holders = await findHolders(inodes, new Set(found.map(({ uid }) => uid)), this.#proc);
      const again: Question[] = [];
      for (const question of left) {
        const owner = owners.get(question);
        const held = owner === undefined ? [] : (holders.get(owner.inode) ?? []);
        const peers = held.map((one) => describeHolder(one, owner?.inode ?? '', this.#proc));
        try {
          question.answer(callerOf(owner, peers));
        } catch (error) {
          if (attempt < attempts) again.push(question);
          else question.refuse(error);
        }
      }
      left = again;
    }
  }

  async #owners(asked: readonly Question[]): Promise<Map<Question, SocketOwner>> {
    const tables = await Promise.all([this.#table('tcp'), this.#table('tcp6')]);
    const owners = asked.map((question) => [question, ownerOf(tables, question.local, question.remote)] as const);
    return new Map(owners.filter((pair): pair is [Question, SocketOwner] => pair[1] !== undefined));
  }

  /** Where the kernel has no IPv6 there is no table of it. */
  async #table(name: 'tcp' | 'tcp6'): Promise<string> {
    try {
      return await readFile(join(this.#proc, 'net', name), 'latin1');
    } catch (error) {
      if (name === 'tcp6' && (error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }
}

/**
 * A socket may have several holders, a process and its children: what is said of the caller must be true of each. One that
 * held it a moment ago and does not now may be the one that asked: then nothing is said.
 */
function callerOf(owner: SocketOwner | undefined, found: readonly (UnixPeer | undefined)[]): UnixPeer {
  if (owner === undefined) throw unknown('no process of this host has the other end of the connection');
  const peers = found.filter((peer) => peer !== undefined);
  const [first, ...others] = peers;
  if (first === undefined) throw unknown('the process at the other end is hidden from this one');
  if (peers.length < found.length) throw unknown('the socket changes hands');
  if (peers.some((peer) => peer.uid !== owner.uid || peer.gid !== first.gid)) {
    throw unknown('the socket is held by processes of several users or groups');
  }
  if (others.length === 0) return first;
  const { pid, uid, gid, executable, binary } = first;
  const same = peers.every((peer) => peer.executable === executable && peer.binary === binary);
  if (!same || executable === undefined || binary === undefined) return { pid, uid, gid };
  return { pid, uid, gid, executable, binary };
}

function unknown(message: string, cause?: unknown): GarrisonError {
  const remedy = 'use the unix socket, or run the server as a user that may look into `/proc/PID/fd` of its callers';
  return new GarrisonError('UNAUTHENTICATED', message, { remedy, cause });
}

function unmapped(address: string): string {
  return /^::ffff:([0-9.]+)$/.exec(address)?.[1] ?? address;
}
