import type { CompressedAttributes, StringMap } from '#proto/gen/istio/mixer/v1/attributes.ts';
import { Cursor, malformed, wireType } from './cursor.ts';
import { MessageBuilder, own } from './message-builder.ts';

/** CompressedAttributes from its bytes, strictly. */
export function readCompressedAttributes(bytes: Uint8Array, place = 'CompressedAttributes'): CompressedAttributes {
  const message = new MessageBuilder();
  readFields(new Cursor(bytes), message, place);
  return message;
}

/** The fields up to the end of the message that the cursor is in. A message that comes in parts is put together. */
export function readFields(cursor: Cursor, message: MessageBuilder, place: string): void {
  const wordsPlace = `${place}.words`;
  while (cursor.hasMore()) {
    const tag = cursor.tag(place);
    switch (tag) {
      case 0x0a:
        message.words.push(cursor.string(wordsPlace));
        break;
      case 0x12:
        readEntry(cursor, own(message, 'strings'), place, 'strings', wireType.VARINT, sint32, 0);
        break;
      case 0x1a:
        readEntry(cursor, own(message, 'int64s'), place, 'int64s', wireType.VARINT, int64, 0n);
        break;
      case 0x22:
        readEntry(cursor, own(message, 'doubles'), place, 'doubles', wireType.FIXED64, double, 0);
        break;
      case 0x2a:
        readEntry(cursor, own(message, 'bools'), place, 'bools', wireType.VARINT, bool, false);
        break;
      case 0x32:
        readEntry(cursor, own(message, 'timestamps'), place, 'timestamps', wireType.LENGTH, readTime, noTime);
        break;
      case 0x3a:
        readEntry(cursor, own(message, 'durations'), place, 'durations', wireType.LENGTH, readTime, noTime);
        break;
      case 0x42:
        readEntry(cursor, own(message, 'bytes'), place, 'bytes', wireType.LENGTH, readBytes, noBytes);
        break;
      case 0x4a:
        readEntry(cursor, own(message, 'stringMaps'), place, 'string_maps', wireType.LENGTH, readStringMap, noEntries);
        break;
      default:
        if (tag >>> 3 <= 9) throw malformed(place, `has field ${tag >>> 3} with wire type ${tag & 7}`);
        cursor.skip(tag, place);
    }
  }
}

const noTime = { seconds: 0n, nanos: 0 };
const noBytes = Buffer.alloc(0);
const noEntries: StringMap = { entries: new Map() };

const sint32 = (cursor: Cursor, place: string): number => cursor.sint32(place);
const int64 = (cursor: Cursor, place: string): bigint => cursor.int64(place);
const double = (cursor: Cursor, place: string): number => cursor.double(place);
const bool = (cursor: Cursor, place: string): boolean => cursor.bool(place);
const readBytes = (cursor: Cursor, place: string): Buffer => cursor.bytes(place);

/** One entry of a map: key in field 1, value in field 2, either left out when it is the default. A key comes once. */
function readEntry<V>(
  cursor: Cursor,
  into: Map<number, V>,
  parent: string,
  field: string,
  type: number,
  read: (cursor: Cursor, place: string) => V,
  absent: V,
): void {
  const outer = cursor.enter(parent);
  let key: number | undefined;
  let value: V | undefined;
  while (cursor.hasMore()) {
    const tag = cursor.tag(parent);
    if (tag === 0x08 && key === undefined) key = cursor.sint32(parent);
    else if (tag === (0x10 | type) && value === undefined) value = read(cursor, parent);
    else throw malformed(`${parent}.${field}`, 'has an entry that is not one key and one value');
  }
  cursor.leave(outer);
  const known = into.size;
  into.set(key ?? 0, value ?? absent);
  if (into.size === known) throw malformed(`${parent}.${field}[${key ?? 0}]`, 'has an entry twice');
}

function readTime(cursor: Cursor, place: string): { seconds: bigint; nanos: number } {
  const outer = cursor.enter(place);
  let seconds = 0n;
  let nanos = 0;
  while (cursor.hasMore()) {
    const tag = cursor.tag(place);
    if (tag === 0x08) seconds = cursor.int64(place);
    else if (tag === 0x10) nanos = cursor.int32(place);
    else cursor.skip(tag, place);
  }
  cursor.leave(outer);
  return { seconds, nanos };
}

function readStringMap(cursor: Cursor, place: string): StringMap {
  const outer = cursor.enter(place);
  const entries = new Map<number, number>();
  while (cursor.hasMore()) {
    const tag = cursor.tag(place);
    if (tag === 0x0a) readEntry(cursor, entries, place, 'string_maps.entries', wireType.VARINT, sint32, 0);
    else cursor.skip(tag, place);
  }
  cursor.leave(outer);
  return { entries };
}
