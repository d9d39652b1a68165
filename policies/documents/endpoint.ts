import { readAddress } from '../compile/address.ts';
import { field, integer, map, object, record, string } from '#schema/index.ts';
import type { Here, Shape } from '#schema/index.ts';
import type { Endpoint } from './model.ts';

const nothing: ReadonlyMap<string, never> = new Map<string, never>();

/** A service account as one segment of a SPIFFE ID's path (SPIFFE-ID §2.2). */
export const serviceAccountName: Shape<string> = string({
  minLength: 1,
  maxLength: 253,
  pattern: {
    expression: /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/,
    reason: 'is not a service account',
    fix: 'write the name only, without namespace',
  },
});

const hostName =
  /^(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?$/;

export function isIpAddress(text: string): boolean {
  return readAddress(text, false) !== undefined;
}

export function isHostName(text: string): boolean {
  // What is digits and dots only was meant as an address.
  return hostName.test(text) && !/^[0-9.]+$/.test(text);
}

/** What a WorkloadEntry says, and what one element of `endpoints` says. */
export const endpoint: Shape<Endpoint> = map(
  object({
    address: field(string({ minLength: 1 }), {
      describe: 'IP address, host name, or `unix:///path`.',
      required: true,
    }),
    ports: field(record(integer({ min: 1, max: 65535 })), {
      describe: 'Port by the name it has in the service, where it differs.',
      default: nothing,
    }),
    labels: field(record(string()), { describe: 'Labels, for selectors.', default: nothing }),
    serviceAccount: field(serviceAccountName, { describe: 'Service account the workload runs as.', nullable: true }),
    weight: field(integer({ min: 0, max: 4_294_967_295 }), {
      describe: 'Share of the traffic, relative to the others.',
    }),
    network: field(string(), { describe: 'Network the address belongs to; not read.', nullable: true }),
    locality: field(string(), { describe: 'Region, zone and sub-zone; not read.', nullable: true }),
  }),
  ({ address, ports, labels, serviceAccount, weight }, here) => {
    checkAddress(address, ports, here);
    return { address, ports, labels, serviceAccount: serviceAccount ?? undefined, weight };
  },
);

function checkAddress(address: string, ports: ReadonlyMap<string, number>, here: Here): void {
  if (address.startsWith('unix://')) {
    const path = address.slice('unix://'.length);
    if (!/^[/@]./.test(path)) here.fault(`\`${address}\` has no absolute path`, 'write `unix:///path`', 'address');
    if (ports.size > 0) here.fault('a unix socket has no ports', 'remove `ports`', 'ports');
    return;
  }
  if (isIpAddress(address) || isHostName(address)) return;
  here.fault(`\`${address}\` is no address`, 'write an IP address, a host name, or `unix:///path`', 'address');
}
