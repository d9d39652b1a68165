import { GarrisonError } from '#proto/errors/index.ts';
import { knownOid } from './known-oids.ts';
import { tags } from './tags.ts';

/** One element as it stood in the input: where it lies; views of it are made when they are asked for. */
export class DerElement {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly #start: number;

  /** Identifier, length and content lie from `start` to `to`, the content from `from` on. */
  constructor(bytes: Uint8Array, start: number, from: number, to: number) {
    this.bytes = bytes;
    this.#start = start;
    this.from = from;
    this.to = to;
  }

  /** Tag numbers up to 30 stand in the identifier octet itself. */
  get tag(): number {
    return this.bytes[this.#start] ?? 0;
  }

  /** Identifier, length and content: the very bytes, for signatures. */
  get raw(): Uint8Array {
    return this.bytes.subarray(this.#start, this.to);
  }

  get content(): Uint8Array {
    return this.bytes.subarray(this.from, this.to);
  }
}

/**
 * Reads DER and only DER: definite lengths in their shortest form, low tag numbers, nothing left over.
 * Two readers that both accept an input must see the same thing in it, so whatever BER allows beyond that is refused.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #name: string;
  readonly #above: DerReader | undefined;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, place: string, within?: { from: number; to: number; above: DerReader }) {
    this.#bytes = bytes;
    this.#name = place;
    this.#above = within?.above;
    this.#at = within?.from ?? 0;
    this.#end = within?.to ?? bytes.length;
  }

  get done(): boolean {
    return this.#at === this.#end;
  }

  /** Identifier octet of the next element. */
  peek(): number | undefined {
    return this.done ? undefined : this.#bytes[this.#at];
  }

  next(): DerElement {
    const start = this.#at;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw this.fault('has a tag number above 30');
    const length = this.#length();
    const from = this.#at;
    const to = from + length;
    if (to > this.#end) throw this.fault('is cut short');
    this.#at = to;
    return new DerElement(this.#bytes, start, from, to);
  }

  expect(tag: number, name: string): DerElement {
    const found = this.peek();
    if (found === undefined) throw this.fault(`lacks \`${name}\``);
    if (found !== tag) throw this.fault(`has tag 0x${found.toString(16)} where \`${name}\` should be`);
    return this.next();
  }

  /** The next element if it carries this tag. */
  optional(tag: number): DerElement | undefined {
    return this.peek() === tag ? this.next() : undefined;
  }

  /** A reader of the content of the next element. */
  enter(tag: number, name: string): DerReader {
    return this.inside(this.expect(tag, name), name);
  }

  inside(found: DerElement, name: string): DerReader {
    return new DerReader(found.bytes, name, { from: found.from, to: found.to, above: this });
  }

  end(): void {
    if (!this.done) throw this.fault('has bytes after its end');
  }

  oid(name: string): string {
    return readOid(this.expect(tags.oid, name), this);
  }

  /** A non-negative integer as big-endian bytes without a sign octet. */
  unsignedInteger(name: string): Uint8Array {
    const { content } = this.expect(tags.integer, name);
    checkInteger(content, this, name);
    if ((content[0] ?? 0) >= 0x80) throw this.fault(`has a negative integer in \`${name}\``);
    return content.length > 1 && content[0] === 0 ? content.subarray(1) : content;
  }

  smallInteger(name: string): number {
    const bytes = this.unsignedInteger(name);
    if (bytes.length > 4) throw this.fault(`has too large a number in \`${name}\``);
    return bytes.reduce((value, byte) => value * 256 + byte, 0);
  }

  /** Whole octets only. */
  octetsOfBitString(name: string): Uint8Array {
    const { content } = this.expect(tags.bitString, name);
    if (content[0] !== 0) throw this.fault(`has a bit string that is not whole octets in \`${name}\``);
    return content.subarray(1);
  }

  /** An optional BOOLEAN with DEFAULT FALSE: when present it must say TRUE (X.690 §11.5). */
  defaultFalse(name: string): boolean {
    const found = this.optional(tags.boolean);
    if (found === undefined) return false;
    if (found.content.length !== 1 || found.content[0] !== 0xff) {
      throw this.fault(`spells a default or non-canonical boolean in \`${name}\``);
    }
    return true;
  }

  fault(why: string): GarrisonError {
    return new GarrisonError('INVALID_ARGUMENT', `${this.#place()} ${why}`, { remedy: 'encode it as DER' });
  }

  #place(): string {
    return this.#above === undefined ? this.#name : `${this.#above.#place()}.${this.#name}`;
  }

  #byte(): number {
    const byte = this.peek();
    if (byte === undefined) throw this.fault('is cut short');
    this.#at += 1;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const octets = first & 0x7f;
    if (octets === 0) throw this.fault('has an indefinite length');
    if (octets > 3) throw this.fault('has a length of more than three octets');
    let length = 0;
    for (let i = 0; i < octets; i += 1) length = length * 256 + this.#byte();
    const shortest = octets === 1 ? 0x80 : 2 ** (8 * (octets - 1));
    if (length < shortest) throw this.fault('has a length that is not in its shortest form');
    return length;
  }
}

/** `inside` is the reader it came from, for the place in a refusal. */
export function checkInteger(content: Uint8Array, inside: DerReader, name?: string): void {
  const first = content[0];
  const second = content[1];
  const where = name === undefined ? '' : ` in \`${name}\``;
  if (first === undefined) throw inside.fault(`has an integer without content${where}`);
  if (second === undefined) return;
  if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)) {
    throw inside.fault(`has an integer that is not in its shortest form${where}`);
  }
}

export function readOid(found: DerElement, inside: DerReader): string {
  const known = knownOid(found.bytes, found.from, found.to);
  if (known !== undefined) return known;
  const arcs: number[] = [];
  let value = 0;
  let inArc = false;
  for (const byte of found.content) {
    if (!inArc && byte === 0x80) throw inside.fault('has an object identifier that is not in its shortest form');
    value = value * 128 + (byte & 0x7f);
    if (value > 0xffffffff) throw inside.fault('has an object identifier with too large a number');
    inArc = byte >= 0x80;
    if (inArc) continue;
    arcs.push(value);
    value = 0;
  }
  const [head, ...rest] = arcs;
  if (head === undefined || inArc) throw inside.fault('has an object identifier that is cut short');
  const first = head < 40 ? 0 : head < 80 ? 1 : 2;
  return [first, head - first * 40, ...rest].join('.');
}
