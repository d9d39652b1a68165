import { GarrisonError } from '#proto/errors/index.ts';

/** An IP address as signed 32-bit words: one for IPv4, four for IPv6. */
export interface Address {
  readonly family: 4 | 6;
  readonly words: readonly number[];
}

export interface Block extends Address {
  /** How many leading bits count. */
  readonly bits: number;
}

/** ::ffff:0:0/96 (RFC 4291 §2.5.5.2). */
const mappedWord = 0xffff;

/** An address in bytes. With `mapped`, an IPv4-mapped IPv6 address is the IPv4 address it stands for. */
export function addressOfBytes(bytes: Uint8Array, mapped: boolean): Address | undefined {
  if (bytes.length !== 4 && bytes.length !== 16) return undefined;
  const words: number[] = [];
  for (let i = 0; i < bytes.length; i += 4) {
    words.push(
      ((bytes[i] ?? 0) << 24) | ((bytes[i + 1] ?? 0) << 16) | ((bytes[i + 2] ?? 0) << 8) | (bytes[i + 3] ?? 0),
    );
  }
  return settle(words, mapped);
}

function settle(words: readonly number[], mapped: boolean): Address {
  if (words.length === 1) return { family: 4, words };
  if (mapped && words[0] === 0 && words[1] === 0 && words[2] === mappedWord)
    return { family: 4, words: words.slice(3) };
  return { family: 6, words };
}

/** An address as people write it; undefined for anything else, a zone included. */
export function readAddress(text: string, mapped: boolean): Address | undefined {
  const words = text.includes(':') ? readIpv6(text) : readIpv4(text);
  return words === undefined ? undefined : settle(words, mapped);
}

/** `10.0.0.0/8`, `10.0.0.1`, `fe80::/10`; host bits are masked. */
export function readBlock(text: string, mapped: boolean): Block {
  const slash = text.indexOf('/');
  const address = readAddress(slash < 0 ? text : text.slice(0, slash), false);
  if (address === undefined) throw badBlock(text);
  const width = address.family === 4 ? 32 : 128;
  const length = slash < 0 ? String(width) : text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > width) throw badBlock(text);
  const bits = Number(length);
  const words = mask(address.words, bits);
  const settled = mapped && bits >= 96 ? settle(words, true) : { family: address.family, words };
  return { ...settled, bits: settled.family === 4 && address.family === 6 ? bits - 96 : bits };
}

function badBlock(text: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `\`${text}\` is neither an IP address nor a CIDR block`);
}

export function mask(words: readonly number[], bits: number): number[] {
  return words.map((word, i) => word & wordMask(bits - 32 * i));
}

/** The first `bits` bits of a word set. */
export function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

function readIpv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let word = 0;
  for (const part of parts) {
    // A leading zero is octal to some readers and decimal to others.
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    word = (word << 8) | Number(part);
  }
  return [word];
}

function readIpv6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = readGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? readGroups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  return [0, 2, 4, 6].map((i) => ((groups[i] ?? 0) << 16) | (groups[i + 1] ?? 0));
}

/** 16-bit groups between colons; the last may be an IPv4 address where the text ends with it. */
function readGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16));
      continue;
    }
    const word = atEnd && i === parts.length - 1 ? readIpv4(part)?.[0] : undefined;
    if (word === undefined) return undefined;
    groups.push(word >>> 16, word & 0xffff);
  }
  return groups;
}
