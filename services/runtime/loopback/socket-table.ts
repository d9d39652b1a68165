import { isIPv6 } from 'node:net';
import { endianness } from 'node:os';
import type { TcpAddress } from '../address.ts';

/** Whose socket it is, as the kernel's table of sockets says. */
export interface SocketOwner {
  readonly uid: number;
  readonly inode: string;
}

/**
 * Owner of the socket at `local` that is connected to `remote`, in the text of `/proc/net/tcp` and `/proc/net/tcp6`
 * (proc(5)). A program that speaks IPv4 through an IPv6 socket stands in the second.
 */
export function ownerOf(tables: readonly string[], local: TcpAddress, remote: TcpAddress): SocketOwner | undefined {
  for (const ipv6 of [false, true]) {
    const [from, to] = [keyOf(local, ipv6), keyOf(remote, ipv6)];
    if (from === undefined || to === undefined) continue;
    const pair = `: ${from} ${to} `;
    for (const table of tables) {
      const at = table.indexOf(pair);
      if (at !== -1) return ownerIn(table.slice(at + pair.length, lineEnd(table, at)));
    }
  }
  return undefined;
}

/** `st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …`; inode 0 belongs to no process any more. */
function ownerIn(rest: string): SocketOwner | undefined {
  const [, , , , uid = '', , inode = ''] = rest.trim().split(/\s+/);
  if (!/^\d+$/.test(uid) || !/^[1-9]\d*$/.test(inode)) return undefined;
  return { uid: Number(uid), inode };
}

function lineEnd(table: string, from: number): number {
  const end = table.indexOf('\n', from);
  return end === -1 ? table.length : end;
}

/** As the kernel prints it: words of 32 bits in the byte order of the machine, the port in the network's. */
function keyOf({ host, port }: TcpAddress, ipv6: boolean): string | undefined {
  const bytes = ipv6
    ? bytesOfIpv6(isIPv6(host) ? host : `::ffff:${host}`)
    : isIPv6(host)
      ? undefined
      : host.split('.').map(Number);
  if (bytes === undefined) return undefined;
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const word = Buffer.from(bytes.slice(at, at + 4));
    if (endianness() === 'LE') word.reverse();
    text += word.toString('hex');
  }
  return `${text}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
}

function bytesOfIpv6(text: string): number[] | undefined {
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const all = [...before, ...Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
  return all.length === 8 ? all.flatMap((group) => [group >> 8, group & 255]) : undefined;
}
