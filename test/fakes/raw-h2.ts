import type { Socket } from 'node:net';

/** HTTP/2 frames byte for byte (RFC 9113 §4.1), so that a test can send what no client would. */
const types = { data: 0x0, headers: 0x1, reset: 0x3, settings: 0x4, goaway: 0x7, continuation: 0x9 } as const;

export const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(types.settings, 0, 0, ''),
]);

export function frame(type: number, flags: number, stream: number, payload: Buffer | string): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

export type H2Fields = readonly (readonly [name: string, value: string])[];

/** One step of what a client sends on stream 1. */
export interface H2Step {
  readonly headers?: H2Fields;
  readonly data?: string;
  /** The stream ends with it. */
  readonly end?: boolean;
}

export function stepFrames({ headers, data = '', end = false }: H2Step, stream = 1): Buffer {
  const last = end ? 0x1 : 0;
  if (headers === undefined) return frame(types.data, last, stream, Buffer.from(data, 'latin1'));
  const block = headerBlock(headers);
  const parts = Array.from({ length: Math.max(1, Math.ceil(block.length / 16_384)) }, (_, index) =>
    block.subarray(index * 16_384, (index + 1) * 16_384),
  );
  return Buffer.concat(
    parts.map((part, index) => {
      const endHeaders = index === parts.length - 1 ? 0x4 : 0;
      return index === 0
        ? frame(types.headers, last | endHeaders, stream, part)
        : frame(types.continuation, endHeaders, stream, part);
    }),
  );
}

export const resetFrame = (stream: number): Buffer => frame(types.reset, 0, stream, Buffer.from([0, 0, 0, 8]));

/** RFC 7541 §6.2.2: every field in full, in no table. */
export function headerBlock(fields: H2Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** RFC 7541 §5.1 with a prefix of seven bits. */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value]);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.from([...bytes, rest]);
}

/** What became of stream 1: its status, `reset`, or `gone` where the connection ended instead. */
export function outcomeOf(socket: Socket): Promise<number | 'reset' | 'gone'> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    socket.on('close', () => resolve('gone'));
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (; bytes.length >= 9; bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3))) {
        const length = bytes.readUIntBE(0, 3);
        if (bytes.length < 9 + length) return;
        const [type, stream] = [bytes.readUInt8(3), bytes.readUInt32BE(5)];
        const payload = bytes.subarray(9, 9 + length);
        if (type === types.goaway && payload.readUInt32BE(4) !== 0) resolve('gone');
        if (stream === 1 && type === types.reset) resolve('reset');
        if (stream === 1 && type === types.headers) resolve(statusOf(payload));
      }
    });
  });
}

const indexed: Readonly<Record<number, number>> = { 8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500 };

/** `:status`, which comes first: from the static table, or written out with one of its names there (RFC 7541 §6). */
function statusOf(block: Buffer): number {
  const [first = 0, length = 0] = block;
  if ((first & 0x80) !== 0) return indexed[first & 0x7f] ?? 0;
  const value = block.subarray(2, 2 + (length & 0x7f));
  return Number((length & 0x80) === 0 ? value.toString('latin1') : digitsOf(value));
}

/** RFC 7541, appendix B, as far as digits go: 0, 1 and 2 take five bits, the others six. */
function digitsOf(huffman: Buffer): string {
  const bits = [...huffman].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let digits = '';
  for (let at = 0; at + 5 <= bits.length;) {
    const short = Number.parseInt(bits.slice(at, at + 5), 2);
    if (short <= 2) {
      digits += String(short);
      at += 5;
      continue;
    }
    const long = Number.parseInt(bits.slice(at, at + 6).padEnd(6, '1'), 2);
    if (long < 0b011001 || long > 0b011111) break;
    digits += String(long - 0b011001 + 3);
    at += 6;
  }
  return digits;
}
