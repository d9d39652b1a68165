import { GarrisonError } from '#proto/errors/index.ts';
import type { Attributes, Attributes_AttributeValue as WireValue } from '#proto/gen/istio/mixer/v1/attributes.ts';
import { Duration, MapBag, Timestamp } from './bag.ts';
import type { AttributeBag, AttributeValue } from './bag.ts';
import { readDuration, readTimestamp } from './time.ts';

/** The bag with its names spelt out: for configuration and for passing between processes that share no dictionary. */
export function toUncompressed(bag: AttributeBag): Attributes {
  const attributes = new Map<string, WireValue>();
  for (const [name, value] of bag.entries()) attributes.set(name, { value: toWire(value) });
  return { attributes };
}

function toWire(value: AttributeValue): NonNullable<WireValue['value']> {
  switch (typeof value) {
    case 'string':
      return { $case: 'stringValue', value };
    case 'bigint':
      return { $case: 'int64Value', value };
    case 'number':
      return { $case: 'doubleValue', value };
    case 'boolean':
      return { $case: 'boolValue', value };
    default:
      if (value instanceof Timestamp) return { $case: 'timestampValue', value };
      if (value instanceof Duration) return { $case: 'durationValue', value };
      if (value instanceof Uint8Array) return { $case: 'bytesValue', value: Buffer.from(value) };
      return { $case: 'stringMapValue', value: { entries: new Map(value) } };
  }
}

export function fromUncompressed(message: Attributes, place = 'Attributes'): MapBag {
  const values = new Map<string, AttributeValue>();
  for (const [name, wire] of message.attributes) {
    const value = wire.value === undefined ? undefined : fromWire(wire.value);
    if (value === undefined) {
      throw new GarrisonError('INVALID_ARGUMENT', `attribute \`${name}\` has no value, or one out of range`, {
        place: `${place}.attributes[${JSON.stringify(name)}]`,
        remedy: 'set exactly one value that its type allows',
      });
    }
    values.set(name, value);
  }
  return new MapBag(values);
}

function fromWire(wire: NonNullable<WireValue['value']>): AttributeValue | undefined {
  switch (wire.$case) {
    case 'timestampValue':
      return readTimestamp(wire.value);
    case 'durationValue':
      return readDuration(wire.value);
    case 'stringMapValue':
      return wire.value.entries;
    case 'stringValue':
    case 'int64Value':
    case 'doubleValue':
    case 'boolValue':
    case 'bytesValue':
      return wire.value;
  }
}
