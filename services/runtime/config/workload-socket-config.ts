import { isIP } from 'node:net';
import { type Shape, field, map, oneOf } from '#schema/index.ts';
import { isLoopback, isUnix, type TcpAddress } from '../address.ts';
import { addressIn } from './shapes.ts';

/** Whom the file of a socket lets in; who is served is another question, and the kernel's word decides that. */
export const socketModes = { owner: 0o600, group: 0o660, everyone: 0o666 } as const;
export type SocketAccess = keyof typeof socketModes;

/** How workloads reach the Workload API and SDS, beside the path of the socket. */
export interface WorkloadSocketConfig {
  readonly workloadApiAccess: SocketAccess;
  readonly workloadApiTcp: TcpAddress | undefined;
}

/** Only this host: who calls is asked of this host's kernel. */
const loopbackAddress: Shape<TcpAddress> = map(addressIn('.'), (address, here) => {
  if (!isUnix(address) && isIP(address.host) !== 0 && isLoopback(address)) return address;
  here.fault('callers are known on loopback only', 'write an IP address such as `127.0.0.1:8081` or `[::1]:8081`');
  return undefined;
});

export function workloadSocketFields(access: SocketAccess = 'owner') {
  const modes = Object.keys(socketModes) as SocketAccess[];
  return {
    workloadApiAccess: field(oneOf(modes), {
      default: access,
      describe: 'who may connect to the socket of the Workload API: `owner`, `group` (its file’s), `everyone`',
    }),
    workloadApiTcp: field(loopbackAddress, {
      nullable: true,
      describe: 'a loopback address where the Workload API is served too; off where it is left out',
    }),
  };
}
