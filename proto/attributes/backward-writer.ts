/**
 * Writes protobuf from the end to the front: when a message begins, what it holds is already there, so its length is known
 * and nothing is ever moved or measured twice. Write fields in descending order to have them ascending on the wire.
 */
export class BackwardWriter {
  #bytes = Buffer.allocUnsafe(4_096);
  #pos = 4_096;

  /** Where writing stands now: what `message` closes against. */
  get mark(): number {
    return this.#bytes.length - this.#pos;
  }

  varint(value: number): void {
    this.#room(10);
    let size = 1;
    for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size += 1;
    this.#pos -= size;
    let at = this.#pos;
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[at++] = (rest % 128) | 0x80;
    this.#bytes[at] = rest;
  }

  /** Any int64 or uint64; negative ones take ten bytes, as the format has it. */
  bigint(value: bigint): void {
    if (value >= 0n && value <= Number.MAX_SAFE_INTEGER) {
      this.varint(Number(value));
      return;
    }
    const bytes = [];
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 0x80);
    bytes.push(Number(rest));
    this.raw(Buffer.from(bytes));
  }

  sint32(value: number): void {
    this.varint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#pos -= bytes.length;
    this.#bytes.set(bytes, this.#pos);
  }

  bytes(tag: number, bytes: Uint8Array): void {
    this.raw(bytes);
    this.varint(bytes.length);
    this.varint(tag);
  }

  string(tag: number, text: string): void {
    const size = Buffer.byteLength(text);
    this.#room(size);
    this.#pos -= size;
    // As many bytes as characters is ASCII, where Latin-1 writes the same bytes with less ado.
    this.#bytes.write(text, this.#pos, size, size === text.length ? 'latin1' : 'utf8');
    this.varint(size);
    this.varint(tag);
  }

  /** Makes what was written since `mark` the value of a field. */
  message(tag: number, mark: number): void {
    this.varint(this.mark - mark);
    this.varint(tag);
  }

  /** Forgets what was written, also by somebody who did not come to the end. */
  reset(): this {
    this.#pos = this.#bytes.length;
    return this;
  }

  /** A copy of what was written. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#pos));
  }

  #room(size: number): void {
    if (this.#pos >= size) return;
    const kept = this.#bytes.subarray(this.#pos);
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, kept.length + size));
    grown.set(kept, grown.length - kept.length);
    this.#pos = grown.length - kept.length;
    this.#bytes = grown;
  }
}
