import { isIP } from 'node:net';
import path from 'node:path';
import { type TrustDomain, parseTrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { type Shape, list, map, string } from '#schema/index.ts';
import { type Address, isLoopback, isUnix, parseAddress } from '../address.ts';

/** A path in a configuration: relative to the folder of the file it stands in. */
export function pathIn(folder: string): Shape<string> {
  return map(string({ minLength: 1 }), (written, here) => {
    if (!written.includes('\0')) return path.resolve(folder, written);
    here.fault('a path cannot hold a NUL character');
    return undefined;
  });
}

/** `127.0.0.1:9091`, `[::1]:9091`, `localhost:9091` or `unix:PATH`, that path relative to the file. */
export function addressIn(folder: string): Shape<Address> {
  return refined(
    (written) => {
      const address = parseAddress(written);
      return isUnix(address) ? parseAddress(`unix:${path.resolve(folder, address.path)}`) : address;
    },
    ['127.0.0.1:9091', '[::1]:9091', 'unix:./garrison.sock'],
  );
}

/** An address whose traffic nothing protects: only this host may reach it. */
/** One address, or several in the order in which they are tried. */
export function addressesIn(folder: string): Shape<readonly Address[]> {
  const one = map(addressIn(folder), (address) => [address]);
  const several = list(addressIn(folder), { min: 1 });
  return {
    read: (node, reading) => (node.kind === 'list' ? several : one).read(node, reading),
    schema: { anyOf: [one.schema, several.schema] },
  };
}

export function localAddressIn(folder: string): Shape<Address> {
  return map(addressIn(folder), (address, here) => {
    if (isLoopback(address)) return address;
    here.fault(
      'plaintext is served on this host only',
      'use a loopback address such as `127.0.0.1:9191`, or `unix:PATH`; other hosts use the mTLS port `listen`',
    );
    return undefined;
  });
}

/** The file of a unix socket, as a path or as an address. */
export function socketIn(folder: string): Shape<string> {
  return refined(
    (written) => {
      const bare = written.replace(/^unix:(?:\/\/)?/, '');
      const address = parseAddress(`unix:${path.resolve(folder, bare === '' ? '.' : bare)}`);
      return isUnix(address) ? address.path : bare;
    },
    ['./.garrison/workload.sock'],
  );
}

export const trustDomain: Shape<TrustDomain> = refined(parseTrustDomain, ['cluster.local']);

const hostName =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

export const dnsName: Shape<string> = string({
  maxLength: 253,
  pattern: { expression: hostName, reason: 'is not a DNS name' },
});

/** `idp.example`, `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`. */
export const hostOrBlock: Shape<string> = map(string({ minLength: 1, maxLength: 253 }), (written, here) => {
  // A name whose last part is a number is an address to everybody who connects: it must be spelled as one.
  const isName = hostName.test(written) && !/(^|\.)(0x[0-9a-f]*|[0-9]+)$/i.test(written);
  if (isName || isBlock(written)) return written;
  here.fault('is no host name, IP address or CIDR block', 'write it as `idp.example`, `10.1.2.3` or `10.0.0.0/8`');
  return undefined;
});

/** `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`. */
export const addressBlock: Shape<string> = map(string({ minLength: 1, maxLength: 64 }), (written, here) => {
  if (isBlock(written)) return written;
  here.fault('is no IP address or CIDR block', 'write it as `10.1.2.3`, `10.0.0.0/8` or `fd00::/8`');
  return undefined;
});

function isBlock(text: string): boolean {
  const [address = '', bits] = text.split('/', 2);
  const family = address.includes('%') || text.split('/').length > 2 ? 0 : isIP(address);
  if (bits === undefined || family === 0) return family !== 0;
  return /^(0|[1-9][0-9]{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

/** A name as Kubernetes has them for namespaces, workloads and service accounts. */
export const objectName: Shape<string> = string({
  minLength: 1,
  maxLength: 253,
  pattern: {
    expression: /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/,
    reason: 'is not a name',
    fix: 'use lower-case letters, digits, `-` and `.`, with a letter or digit at both ends',
  },
});

/** A string that a parser of ours reads; its refusal becomes the fault. */
function refined<T>(read: (written: string) => T, examples: readonly string[]): Shape<T> {
  return map(string({ minLength: 1, examples }), (written, here) => {
    try {
      return read(written);
    } catch (error) {
      if (!(error instanceof GarrisonError)) throw error;
      here.fault(error.message, error.remedy);
      return undefined;
    }
  });
}
