import type { CompressedAttributes, StringMap } from '#proto/gen/istio/mixer/v1/attributes.ts';
import type { Duration, Timestamp } from './bag.ts';

// Most elements use two or three of the eight maps; those that stay empty are one, which nobody writes to.
const none = new Map<number, never>();

/** A CompressedAttributes while it grows. */
export class MessageBuilder implements CompressedAttributes {
  words: string[] = [];
  strings: Map<number, number> = none;
  int64s: Map<number, bigint> = none;
  doubles: Map<number, number> = none;
  bools: Map<number, boolean> = none;
  timestamps: Map<number, Timestamp> = none;
  durations: Map<number, Duration> = none;
  bytes: Map<number, Buffer> = none;
  stringMaps: Map<number, StringMap> = none;
}

/** One of the message's maps, to write to. */
export function own<F extends Exclude<keyof MessageBuilder, 'words'>>(
  message: MessageBuilder,
  field: F,
): MessageBuilder[F] {
  const map: Map<number, unknown> = message[field];
  if (map === none) message[field] = new Map() as MessageBuilder[F];
  return message[field];
}
