import { tags } from './tags.ts';

/** One element: identifier, minimal definite length, content (X.690 §10.1). */
export function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of content) length += part.length;
  const header = headerOf(tag, length);
  // From Buffer's pool, and written to the last byte below: a certificate is put together from some forty of these.
  const out = Buffer.allocUnsafe(header.length + length);
  out.set(header);
  let at = header.length;
  for (const part of content) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function headerOf(tag: number, length: number): number[] {
  if (length < 0x80) return [tag, length];
  if (length < 0x100) return [tag, 0x81, length];
  if (length < 0x10000) return [tag, 0x82, length >> 8, length & 0xff];
  return [tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
}

export function sequence(...content: readonly Uint8Array[]): Uint8Array {
  return element(tags.sequence, ...content);
}

/** SET OF: elements in ascending order of their encodings (X.690 §11.6). */
export function setOf(...content: readonly Uint8Array[]): Uint8Array {
  return element(tags.set, ...content.toSorted((a, b) => Buffer.compare(a, b)));
}

/** A non-negative integer given as big-endian bytes of any length. */
export function unsignedInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const minimal = bytes.subarray(start);
  const first = minimal[0] ?? 0;
  return first >= 0x80 ? element(tags.integer, Uint8Array.of(0), minimal) : element(tags.integer, minimal);
}

export function smallInteger(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > 0x7fffffff) {
    throw new RangeError(`${value} is no small integer`);
  }
  return unsignedInteger(Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff));
}

export function boolean(value: boolean): Uint8Array {
  return element(tags.boolean, Uint8Array.of(value ? 0xff : 0x00));
}

export function bitString(content: Uint8Array, unusedBits = 0): Uint8Array {
  return element(tags.bitString, Uint8Array.of(unusedBits), content);
}

/** Named bits, numbered from the most significant one; trailing zero bits are dropped (X.690 §11.2.2). */
export function namedBits(bits: readonly number[]): Uint8Array {
  if (bits.length === 0) return bitString(new Uint8Array(0));
  const highest = Math.max(...bits);
  const content = new Uint8Array((highest >> 3) + 1);
  for (const bit of bits) content[bit >> 3] = (content[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bitString(content, 7 - (highest & 7));
}

export function octetString(...content: readonly Uint8Array[]): Uint8Array {
  return element(tags.octetString, ...content);
}

export function nullValue(): Uint8Array {
  return element(tags.null);
}

export function utf8String(text: string): Uint8Array {
  return element(tags.utf8String, Buffer.from(text, 'utf8'));
}

const oidElements = new Map<string, Uint8Array>();

/** Of our own names only, hence few: each is worked out once. */
export function oid(dotted: string): Uint8Array {
  let made = oidElements.get(dotted);
  if (made === undefined) oidElements.set(dotted, (made = encodeOid(dotted)));
  return made;
}

function encodeOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) bytes.push(...base128(arc));
  return element(tags.oid, Uint8Array.from(bytes));
}

function base128(arc: number): number[] {
  const bytes = [arc & 0x7f];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}

/** UTCTime until 2049, GeneralizedTime from then on, whole seconds in UTC (RFC 5280 §4.1.2.5). */
export function time(date: Date): Uint8Array {
  const year = date.getUTCFullYear();
  const short = year >= 1950 && year < 2050;
  const rest = [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()];
  const pairs = [...(short ? [] : [Math.floor(year / 100)]), year % 100, ...rest, date.getUTCSeconds()];
  const text = new Uint8Array(2 * pairs.length + 1);
  pairs.forEach((pair, index) => {
    text[2 * index] = 0x30 + Math.floor(pair / 10);
    text[2 * index + 1] = 0x30 + (pair % 10);
  });
  text[text.length - 1] = 0x5a;
  return element(short ? tags.utcTime : tags.generalizedTime, text);
}
