export interface LargeMessage {
  readonly name: string;
  readonly kind: 'attributes' | 'report';
  readonly bytes: Buffer;
}

/** A length-delimited field. */
function field(number: number, payload: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(payload.length), payload]);
}

function varint(value: number): Buffer {
  const bytes = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** So many copies of what `make` gives for 0, 1, 2 … as fit. */
function fill(size: number, make: (i: number) => Buffer, most = Infinity): Buffer {
  const parts = [];
  let length = 0;
  for (let i = 0; i < most; i++) {
    const part = make(i);
    if (length + part.length > size) break;
    parts.push(part);
    length += part.length;
  }
  return Buffer.concat(parts);
}

const zigzag = (index: number): number => (index >= 0 ? index * 2 : -index * 2 - 1);
const entry = (key: number, value: number): Buffer =>
  Buffer.concat([Buffer.from([0x08]), varint(zigzag(key)), Buffer.from([0x10]), varint(zigzag(value))]);
const bool = (key: number): Buffer => Buffer.concat([Buffer.from([0x08]), varint(zigzag(key)), Buffer.from([0x10, 1])]);
const word = (text: string): Buffer => field(1, Buffer.from(text));

/** Messages of at most `size` bytes that are as bad as we know how to make them. */
export function largeMessages(size: number): LargeMessage[] {
  const half = Math.floor(size / 2) - 8;
  const words = (bytes: number): Buffer => fill(bytes, (i) => word(i.toString(36)));
  const manyBools = Buffer.concat([words(half / 4), fill(half / 2, (i) => field(5, bool(-i - 1)))]);
  const brokenNames = Buffer.concat([words(half / 4), fill(half / 2, (i) => field(2, entry(-i - 1, 99_999)))]);
  const attributes: [string, Buffer][] = [
    ['empty words', fill(size, () => word(''))],
    ['one long word', fill(size, () => word('x'.repeat(size - 8)))],
    [
      'one word used by every map entry',
      Buffer.concat([word('x'.repeat(half)), fill(half, (i) => field(2, entry(i, -1)))]),
    ],
    ['every index out of range', fill(size, (i) => field(2, entry(i + 1000, -1)))],
    ['the same index again and again', fill(size, () => field(5, bool(1)))],
    [
      'a map with many keys',
      Buffer.concat([
        words(half),
        field(
          9,
          Buffer.concat([
            Buffer.from([0x08, 30, 0x12]),
            lengthened(fill(half - 20, (i) => field(1, entry(-i - 1, -1)))),
          ]),
        ),
      ]),
    ],
    ['noise', Buffer.alloc(size, 0xff)],
    ['zeros', Buffer.alloc(size)],
    ['groups', Buffer.alloc(size, 0x53)],
    [
      'words of U+FFFD, which is also what bad UTF-8 becomes',
      fill(size, () => field(1, Buffer.from([0xef, 0xbf, 0xbd]))),
    ],
  ];
  const empty = field(1, Buffer.alloc(0));
  const report = (first: Buffer, rest: (i: number) => Buffer): Buffer => {
    const head = field(1, first);
    return Buffer.concat([head, fill(size - head.length, rest, 9_999)]);
  };
  const reports: [string, Buffer][] = [
    ['empty elements, too many', fill(size, () => empty)],
    ['empty elements', fill(size, () => empty, 10_000)],
    ['a delta of one big element and many empty ones', report(manyBools, () => empty)],
    ['a delta of many broken names and many empty ones', report(brokenNames, () => empty)],
    ['broken elements', fill(size, (i) => field(1, field(2, entry(i + 1000, -1))), 10_000)],
  ];
  return [
    ...attributes.map(([name, bytes]) => ({ name, kind: 'attributes' as const, bytes })),
    ...reports.map(([name, bytes]) => ({ name, kind: 'report' as const, bytes })),
  ];
}

function lengthened(payload: Buffer): Buffer {
  return Buffer.concat([varint(payload.length), payload]);
}
