import { SocketAddress } from 'node:net';
import { crc32c } from './crc32c.ts';
import { type End, type HeaderReading, fault, more } from './reading.ts';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const fixedLength = 16;
/** Addresses and extensions together. The specification allows 65,535; a certificate in an extension needs a few thousand. */
const longest = 16_384;
/** §2.2.3: the one extension that says something about the header itself. */
const checksumType = 0x03;

/** Bytes that each address family has for two addresses and two ports. */
const families = { unspecified: 0x0, ipv4: 0x1, ipv6: 0x2, unix: 0x3 } as const;
const addressLengths: ReadonlyMap<number, number> = new Map([
  [families.unspecified, 0],
  [families.ipv4, 12],
  [families.ipv6, 36],
  [families.unix, 216],
]);

/** True of the signature and of every part of it that may still become one. */
export function startsVersion2(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.subarray(0, length).equals(signature.subarray(0, length));
}

/** §2.2: a fixed part, the addresses of its family, and extensions, which are passed over but never believed to be whole. */
export function readVersion2(bytes: Buffer): HeaderReading {
  const [command, transport] = [bytes[12], bytes[13]];
  if (command !== undefined && command !== 0x20 && command !== 0x21) {
    return fault('the PROXY header has a version or command that is not known');
  }
  // Of a proxy that speaks for itself all the rest is to be discarded, the family included.
  const local = command === 0x20;
  if (!local && transport !== undefined && !isKnown(transport)) return fault('the PROXY header is not about a stream');
  if (bytes.length < fixedLength) return more;
  const length = fixedLength + bytes.readUInt16BE(14);
  if (length > longest) return fault(`the PROXY header is longer than ${longest} bytes`);
  if (local) return bytes.length < length ? more : { kind: 'header', length, client: 'proxy' };
  const family = (transport ?? 0) >> 4;
  const addresses = fixedLength + (addressLengths.get(family) ?? 0);
  if (length < addresses) return fault('the PROXY header is shorter than its addresses');
  if (bytes.length < length) return more;
  const header = bytes.subarray(0, length);
  // What stands in a header without addresses need not be extensions (§2.2: it must be skipped).
  const broken = family === families.unspecified ? undefined : extensionFault(header, addresses);
  if (broken !== undefined) return fault(broken);
  return { kind: 'header', length, client: readEnds(header, family) };
}

/** Streams of every family, and what is said to be of none. Datagrams do not come over a stream. */
function isKnown(transport: number): boolean {
  return transport === 0x00 || ((transport & 0x0f) === 0x1 && (addressLengths.get(transport >> 4) ?? 0) > 0);
}

function readEnds(header: Buffer, family: number): { source: End | undefined; destination: End | undefined } {
  if (family !== families.ipv4 && family !== families.ipv6) return { source: undefined, destination: undefined };
  const size = family === families.ipv4 ? 4 : 16;
  const ports = fixedLength + 2 * size;
  return {
    source: { address: addressText(header, fixedLength, size), port: header.readUInt16BE(ports) },
    destination: { address: addressText(header, fixedLength + size, size), port: header.readUInt16BE(ports + 2) },
  };
}

function addressText(header: Buffer, at: number, size: 4 | 16): string {
  const bytes = header.subarray(at, at + size);
  if (size === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** Type, two bytes of length, value (§2.2): each must end where the header ends or before. */
function extensionFault(header: Buffer, from: number): string | undefined {
  let checksumAt: number | undefined;
  for (let at = from; at < header.length;) {
    if (at + 3 > header.length) return 'an extension of the PROXY header is cut off';
    const size = header.readUInt16BE(at + 1);
    if (at + 3 + size > header.length) return 'an extension of the PROXY header is longer than the header';
    if (header[at] === checksumType) {
      if (checksumAt !== undefined || size !== 4) return 'the checksum of the PROXY header is not one of four bytes';
      checksumAt = at + 3;
    }
    at += 3 + size;
  }
  if (checksumAt === undefined) return undefined;
  const zeroed = Buffer.from(header).fill(0, checksumAt, checksumAt + 4);
  return crc32c(zeroed) === header.readUInt32BE(checksumAt) ? undefined : 'the checksum of the PROXY header is wrong';
}
