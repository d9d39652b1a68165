import { GarrisonError } from '#proto/errors/index.ts';
import type { CompressedAttributes } from '#proto/gen/istio/mixer/v1/attributes.ts';
import { Duration, Timestamp } from './bag.ts';
import type { AttributeBag, AttributeValue } from './bag.ts';
import { readDuration, readTimestamp } from './time.ts';
import { MessageBuilder, own } from './message-builder.ts';
import { WordList } from './words.ts';

/** The bag as one message with its own word list. `globalWordCount`: how much of the global dictionary the peer knows. */
export function encodeAttributes(bag: AttributeBag, options: { globalWordCount?: number } = {}): CompressedAttributes {
  const list = new WordList(options.globalWordCount);
  const encoded = encodeEntries(bag.entries(), list);
  return { ...encoded, words: list.words };
}

/** Some attributes by the indices of a list, which the caller puts where the message wants it. */
export function encodeEntries(
  entries: Iterable<readonly [string, AttributeValue]>,
  list: WordList,
): CompressedAttributes {
  const message = new MessageBuilder();
  for (const [name, value] of entries) put(message, list, name, value);
  return message;
}

function put(message: MessageBuilder, list: WordList, name: string, value: AttributeValue): void {
  const index = list.index(name);
  switch (typeof value) {
    case 'string':
      own(message, 'strings').set(index, list.index(value));
      return;
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) throw unencodable(name);
      own(message, 'int64s').set(index, value);
      return;
    case 'number':
      own(message, 'doubles').set(index, value);
      return;
    case 'boolean':
      own(message, 'bools').set(index, value);
      return;
    default:
      putObject(message, list, name, index, value);
  }
}

function putObject(
  message: MessageBuilder,
  list: WordList,
  name: string,
  index: number,
  value: Exclude<AttributeValue, string | bigint | number | boolean>,
): void {
  if (value instanceof Timestamp) {
    if (readTimestamp(value) === undefined) throw unencodable(name);
    own(message, 'timestamps').set(index, value);
  } else if (value instanceof Duration) {
    if (readDuration(value) === undefined) throw unencodable(name);
    own(message, 'durations').set(index, value);
  } else if (value instanceof Uint8Array) {
    own(message, 'bytes').set(index, Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  } else {
    const entries = new Map<number, number>();
    for (const [key, word] of value) entries.set(list.index(key), list.index(word));
    own(message, 'stringMaps').set(index, { entries });
  }
}

function unencodable(name: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `the value of \`${name}\` is out of range`, {
    place: name,
    remedy: 'pass an int64, a protobuf timestamp or a protobuf duration within its limits',
  });
}
