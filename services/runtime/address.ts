import { GarrisonError } from '#proto/errors/index.ts';
import { BlockList, isIP, isIPv6 } from 'node:net';

export interface TcpAddress {
  readonly host: string;
  /** 0 asks the kernel for any free one. */
  readonly port: number;
}

export interface UnixAddress {
  readonly path: string;
}

/** Where a server listens or a client connects. */
export type Address = TcpAddress | UnixAddress;

export function isUnix(address: Address): address is UnixAddress {
  return 'path' in address;
}

/** sockaddr_un keeps 108 bytes, the last one NUL; the kernel would cut a longer path off without a word. */
const maxUnixPath = 107;

/** `127.0.0.1:9091`, `[::1]:9091`, `localhost:9091`, `unix:///path`, `unix:path`. */
export function parseAddress(text: string): Address {
  if (text.startsWith('unix:')) return unixAddress(text.slice(text.startsWith('unix://') ? 7 : 5), text);
  const split = /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text);
  const host = split?.[1] ?? split?.[2];
  const port = Number(split?.[3]);
  if (host === undefined || port > 65_535 || (split?.[1] !== undefined && !isIPv6(host)) || !readableHost(host)) {
    throw new GarrisonError('INVALID_ARGUMENT', `\`${text}\` is not an address`, {
      remedy: 'write `127.0.0.1:9091`, `[::1]:9091` or `unix:///run/garrison.sock`',
    });
  }
  return { host, port };
}

function readableHost(host: string): boolean {
  return isIP(host) !== 0 || (/^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,253})$/.test(host) && !/^[0-9.]+$/.test(host));
}

function unixAddress(path: string, text: string): UnixAddress {
  if (path === '' || path.includes('\0')) {
    throw new GarrisonError('INVALID_ARGUMENT', `\`${text}\` names no socket file`, {
      remedy: 'write `unix:///run/garrison.sock`',
    });
  }
  if (Buffer.byteLength(path) > maxUnixPath) {
    throw new GarrisonError(
      'INVALID_ARGUMENT',
      `the socket path \`${path}\` is longer than ${maxUnixPath} bytes, which no kernel accepts`,
      { remedy: 'choose a shorter path' },
    );
  }
  return { path };
}

export function formatAddress(address: Address): string {
  if (isUnix(address)) return `unix://${address.path}`;
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether only processes of this host can reach it. A host name counts only if it is `localhost`. */
export function isLoopback(address: Address): boolean {
  if (isUnix(address) || address.host === 'localhost') return true;
  const family = isIP(address.host);
  return family !== 0 && loopback.check(address.host, family === 6 ? 'ipv6' : 'ipv4');
}

/** How a process of this host reaches what listens there: every address of the host means, for it, loopback. */
export function dialable(address: Address): Address {
  if (isUnix(address)) return address;
  if (address.host === '0.0.0.0') return { ...address, host: '127.0.0.1' };
  return address.host === '::' ? { ...address, host: '::1' } : address;
}
