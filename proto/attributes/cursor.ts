import { isUtf8 } from 'node:buffer';
import { GarrisonError } from '#proto/errors/index.ts';

export const wireType = { VARINT: 0, FIXED64: 1, LENGTH: 2, FIXED32: 5 } as const;

/**
 * Reads protobuf wire format, and refuses what generated readers forgive: text that is not UTF-8, a value that ends outside
 * its message, a message that ends inside a value, groups, numbers that do not fit. Two readers that forgive differently
 * see two different requests, and a policy decides about one of them.
 */
export class Cursor {
  readonly #bytes: Buffer;
  #pos = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = this.#bytes.length;
  }

  /** True while the current message has more. */
  hasMore(): boolean {
    return this.#pos < this.#end;
  }

  /** Opens the length-delimited message here; `leave` it with what this returns. */
  enter(place: string): number {
    const size = this.uint32(place);
    const outer = this.#end;
    if (size > outer - this.#pos) throw malformed(place, 'ends in the middle of a value');
    this.#end = this.#pos + size;
    return outer;
  }

  leave(outer: number): void {
    this.#end = outer;
  }

  tag(place: string): number {
    const tag = this.uint32(place);
    if (tag < 8) throw malformed(place, 'has a field number 0');
    return tag;
  }

  uint32(place: string): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (this.#pos >= this.#end) throw malformed(place, 'ends in the middle of a value');
      const byte = bytes[this.#pos++] ?? 0;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw malformed(place, 'has a varint of more than 32 bits');
  }

  sint32(place: string): number {
    const zigzag = this.uint32(place);
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  /** A varint of 64 bits, as a signed number. */
  int64(place: string): bigint {
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i++) {
      if (this.#pos >= this.#end) throw malformed(place, 'ends in the middle of a value');
      const byte = this.#bytes[this.#pos++] ?? 0;
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * i - 32);
      if (byte < 0x80) {
        if (i === 9 && byte > 1) break;
        return high === 0 ? BigInt(low >>> 0) : (BigInt(high | 0) << 32n) | BigInt(low >>> 0);
      }
    }
    throw malformed(place, 'has a varint of more than 64 bits');
  }

  /** An int32: negative ones are sign-extended to 64 bits on the wire. */
  int32(place: string): number {
    const value = this.int64(place);
    if (BigInt.asIntN(32, value) !== value) throw malformed(place, 'has an int32 of more than 32 bits');
    return Number(value);
  }

  bool(place: string): boolean {
    return this.int64(place) !== 0n;
  }

  double(place: string): number {
    if (this.#end - this.#pos < 8) throw malformed(place, 'ends in the middle of a value');
    this.#pos += 8;
    return this.#bytes.readDoubleLE(this.#pos - 8);
  }

  bytes(place: string): Buffer {
    const outer = this.enter(place);
    const value = this.#bytes.subarray(this.#pos, this.#end);
    this.#pos = this.#end;
    this.leave(outer);
    return value;
  }

  string(place: string): string {
    const outer = this.enter(place);
    const start = this.#pos;
    this.#pos = this.#end;
    const text = this.#bytes.toString('utf8', start, this.#end);
    this.leave(outer);
    // Node replaces what is not UTF-8 by U+FFFD, which may also be there in its own right: only then look twice.
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(start, this.#pos))) {
      throw malformed(place, 'is not UTF-8');
    }
    return text;
  }

  /** Steps over a field of a later version of the protocol. */
  skip(tag: number, place: string): void {
    switch (tag & 7) {
      case wireType.VARINT:
        this.int64(place);
        return;
      case wireType.LENGTH:
        this.#step(this.uint32(place), place);
        return;
      case wireType.FIXED64:
        this.#step(8, place);
        return;
      case wireType.FIXED32:
        this.#step(4, place);
        return;
      default:
        throw malformed(place, `has a field of wire type ${tag & 7}`);
    }
  }

  #step(size: number, place: string): void {
    if (size > this.#end - this.#pos) throw malformed(place, 'ends in the middle of a value');
    this.#pos += size;
  }
}

export function malformed(place: string, what: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `the message ${what}`, {
    place,
    remedy: 'encode it as its .proto file says',
  });
}
