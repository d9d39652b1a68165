import { GarrisonError } from '#proto/errors/index.ts';

/** One flag byte and four length bytes stand before every message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
export const prefixBytes = 5;

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(prefixBytes + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

/** Cuts a stream of chunks into messages. Nothing is kept beyond the message that is under way, and that one is bounded. */
export class FrameReader {
  readonly #maxBytes: number;
  #kept: Buffer[] = [];
  #keptBytes = 0;

  constructor(maxMessageBytes: number) {
    this.#maxBytes = maxMessageBytes;
  }

  /** Hands over every message that is complete now. Throws as soon as a prefix announces too much. */
  push(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    let bytes = chunk;
    if (this.#keptBytes > 0) {
      this.#kept.push(chunk);
      this.#keptBytes += chunk.length;
      if (this.#keptBytes < this.#wanted()) return;
      bytes = Buffer.concat(this.#kept, this.#keptBytes);
    }
    let at = 0;
    while (bytes.length - at >= prefixBytes) {
      const length = this.#lengthAt(bytes, at);
      if (bytes.length - at - prefixBytes < length) break;
      at += prefixBytes;
      onMessage(bytes.subarray(at, at + length));
      at += length;
    }
    this.#kept = at === bytes.length ? [] : [bytes.subarray(at)];
    this.#keptBytes = bytes.length - at;
  }

  /** Throws if the stream ended inside a message. */
  end(): void {
    if (this.#keptBytes > 0) throw new GarrisonError('INVALID_ARGUMENT', 'the request ends in the middle of a message');
  }

  /** Bytes that must be there before joining the kept chunks is worth it: without it a trickle would cost a copy per byte. */
  #wanted(): number {
    const first = this.#kept[0];
    if (first === undefined || first.length < prefixBytes) return prefixBytes;
    return prefixBytes + this.#lengthAt(first, 0);
  }

  #lengthAt(bytes: Buffer, at: number): number {
    if (bytes[at] !== 0) {
      throw new GarrisonError('UNIMPLEMENTED', 'compressed messages are not read', {
        remedy: 'send `grpc-encoding: identity`',
      });
    }
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.#maxBytes) {
      throw new GarrisonError(
        'RESOURCE_EXHAUSTED',
        `the message of ${length} bytes is longer than the ${this.#maxBytes} that are accepted`,
      );
    }
    return length;
  }
}
