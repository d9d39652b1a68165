import { isIPv4, isIPv6 } from 'node:net';
import { type HeaderReading, fault, more } from './reading.ts';

const opening = Buffer.from('PROXY ');
/** The longest line there can be, with its end (§2.1). */
const longest = 107;

/** True of the opening and of every part of it that may still become one. */
export function startsVersion1(bytes: Buffer): boolean {
  const length = Math.min(bytes.length, opening.length);
  return bytes.subarray(0, length).equals(opening.subarray(0, length));
}

/** §2.1: one line of text, read byte for byte: one space between the words, no sign, no leading zero, CRLF at the end. */
export function readVersion1(bytes: Buffer): HeaderReading {
  const text = bytes.subarray(0, longest).toString('latin1');
  const end = text.indexOf('\n');
  const line = end < 0 ? text : text.slice(0, end - 1);
  if (end >= 0 && text[end - 1] !== '\r') return fault('the line of the PROXY header ends without a carriage return');
  // A carriage return as the last byte so far may still be the line's end.
  const inner = end < 0 && line.endsWith('\r') ? line.slice(0, -1) : line;
  if (/[^\x20-\x7e]/.test(inner)) return fault('the PROXY header holds a character that is not printable');
  if (end < 0) return bytes.length < longest ? more : fault(`the PROXY header is longer than ${longest} bytes`);
  return readLine(line, end + 1);
}

function readLine(line: string, length: number): HeaderReading {
  const words = line.split(' ');
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = ''] = words;
  // What follows UNKNOWN on its line is to be ignored.
  if (family === 'UNKNOWN') {
    return { kind: 'header', length, client: { source: undefined, destination: undefined } };
  }
  if (family !== 'TCP4' && family !== 'TCP6') return fault('the PROXY header names no known protocol');
  if (words.length !== 6) return fault('the PROXY header has not two addresses and two ports');
  const isAddress = family === 'TCP4' ? isIPv4 : (text: string): boolean => isIPv6(text) && !text.includes('%');
  if (!isAddress(source) || !isAddress(destination))
    return fault(`the PROXY header has an address that is not ${family}`);
  const ports = [sourcePort, destinationPort].map(readPort);
  const [from, to] = ports;
  if (from === undefined || to === undefined) return fault('the PROXY header has a port that is no port');
  return {
    kind: 'header',
    length,
    client: { source: { address: source, port: from }, destination: { address: destination, port: to } },
  };
}

function readPort(text: string): number | undefined {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 0xffff ? Number(text) : undefined;
}
