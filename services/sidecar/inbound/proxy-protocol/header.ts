import { type HeaderReading, fault } from './reading.ts';
import { readVersion1, startsVersion1 } from './version-1.ts';
import { readVersion2, startsVersion2 } from './version-2.ts';

/**
 * The PROXY header (haproxy.org, proxy-protocol.txt) that a connection begins with, from what has arrived of it.
 * The result depends on the bytes alone, never on how they were cut, and never on a byte behind the header.
 */
export function readProxyHeader(bytes: Buffer): HeaderReading {
  if (startsVersion2(bytes)) return readVersion2(bytes);
  if (startsVersion1(bytes)) return readVersion1(bytes);
  return fault('no PROXY header');
}

/** Whether the bytes begin a PROXY header; for connections that must not have one. */
export function looksProxied(bytes: Buffer): boolean {
  return (bytes.length >= 6 && startsVersion1(bytes)) || (bytes.length >= 12 && startsVersion2(bytes));
}
