import { describe, expect, test } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import {
  Duration,
  MapBag,
  Timestamp,
  decodeAttributes,
  decodeReport,
  encodeAttributes,
  encodeReport,
  fromUncompressed,
  globalWords,
  readCheckRequest,
  readCompressedAttributes,
  readReportRequest,
  toUncompressed,
} from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { CompressedAttributes } from '#proto/gen/istio/mixer/v1/attributes.ts';
import { CheckRequest, ReportRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';

const word = fc.oneof(
  fc.constantFrom(...globalWords),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', '', '\u0000', '\ufeff', '\ufffd'),
);
const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  word,
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  // The generated writer leaves out a double that equals 0, and so the sign of a negative zero.
  fc.double().map((value) => (value === 0 ? 0 : value)),
  fc.boolean(),
  fc
    .tuple(fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }), fc.nat(999_999_999))
    .map(([seconds, nanos]) => new Timestamp(seconds, nanos)),
  fc
    .tuple(fc.bigInt({ min: 0n, max: 315_576_000_000n }), fc.nat(999_999_999), fc.boolean())
    .map(([seconds, nanos, negative]) =>
      negative ? new Duration(-seconds, nanos === 0 ? 0 : -nanos) : new Duration(seconds, nanos),
    ),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  fc.array(fc.tuple(word, word), { maxLength: 6 }).map((entries) => new Map(entries)),
);
const values = fc.array(fc.tuple(word, value), { maxLength: 12 }).map((entries) => new Map(entries));
const count = fc.constantFrom(0, 1, 111, 222);

describe('laws of the encoding', () => {
  test('what is encoded comes back, whatever the peer knows of the dictionary', () => {
    fc.assert(
      fc.property(values, count, (map, globalWordCount) => {
        const message = encodeAttributes(new MapBag(map), { globalWordCount });
        const bytes = CompressedAttributes.encode(message).finish();
        expect(new Map(decodeAttributes(readCompressedAttributes(bytes)).entries())).toEqual(map);
      }),
    );
  });

  test('our reader and the generated one agree on every sound message', () => {
    fc.assert(
      fc.property(values, (map) => {
        const bytes = CompressedAttributes.encode(encodeAttributes(new MapBag(map))).finish();
        expect(readCompressedAttributes(bytes)).toEqual(CompressedAttributes.decode(bytes));
      }),
    );
  });

  test('the uncompressed form comes back', () => {
    fc.assert(
      fc.property(values, (map) => {
        expect(new Map(fromUncompressed(toUncompressed(new MapBag(map))).entries())).toEqual(map);
      }),
    );
  });

  test('a delta batch and an independent one say the same', () => {
    const batch = fc.array(
      fc.array(fc.tuple(fc.constantFrom('a', 'b', 'request.path', 'c'), value), { maxLength: 4 }),
      {
        maxLength: 8,
      },
    );
    fc.assert(
      fc.property(batch, fc.boolean(), (changes, deletes) => {
        let map = new Map<string, AttributeValue>();
        const bags = changes.map((entries) => {
          map = new Map(deletes ? entries : [...map, ...entries]);
          return new MapBag(map);
        });
        const back = (['delta', 'independent'] as const).map((semantics) => {
          const bytes = ReportRequest.encode(encodeReport(bags, { semantics })).finish();
          const { elements, faults } = decodeReport(readReportRequest(bytes));
          expect(faults).toEqual([]);
          return elements.map(({ bag }) => new Map(bag.entries()));
        });
        expect(back[0]).toEqual(back[1]);
        expect(back[1]).toEqual(bags.map((bag) => new Map(bag.entries())));
      }),
    );
  });
});

/** How often the first field of a message stands in these bytes, as far as they can be read. */
function timesAttributes(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  let times = 0;
  try {
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === 1) times += 1;
      reader.skip(type);
    }
  } catch {
    // What cannot be read further is refused by both.
  }
  return times;
}

/** An entry of a map without a value has an empty one, says protobuf, and ours; the generated reader drops it. */
function addEmpty(theirs: CheckRequest, ours: CheckRequest): void {
  const add = <K, V>(to: Map<K, V>, from: ReadonlyMap<K, V>, empty: V): void => {
    for (const [key, value] of from)
      if (!to.has(key) && isDeepStrictEqual({ ...value }, { ...empty })) to.set(key, value);
  };
  add(theirs.quotas, ours.quotas, { amount: 0n, bestEffort: false });
  if (theirs.attributes === undefined || ours.attributes === undefined) return;
  add(theirs.attributes.timestamps, ours.attributes.timestamps, { seconds: 0n, nanos: 0 });
  add(theirs.attributes.durations, ours.attributes.durations, { seconds: 0n, nanos: 0 });
  add(theirs.attributes.stringMaps, ours.attributes.stringMaps, { entries: new Map() });
}

/** Sound bytes with a few of them changed: gets further into a reader than noise does. */
const bent = (bytes: Uint8Array): fc.Arbitrary<Buffer> =>
  fc.array(fc.tuple(fc.nat(Math.max(0, bytes.length - 1)), fc.nat(255)), { maxLength: 4 }).map((edits) => {
    const copy = Buffer.from(bytes);
    for (const [at, byte] of edits) if (at < copy.length) copy[at] = byte;
    return copy;
  });

describe('laws of refusal', () => {
  const readers: [string, (bytes: Uint8Array) => unknown][] = [
    ['attributes', (bytes) => decodeAttributes(readCompressedAttributes(bytes))],
    ['a check', (bytes) => decodeAttributes(readCheckRequest(bytes).attributes ?? encodeAttributes(new MapBag([])))],
    ['a report', (bytes) => decodeReport(readReportRequest(bytes))],
  ];
  const sound = values.chain((map) => {
    const attributes = encodeAttributes(new MapBag(map));
    return fc.oneof(
      bent(CompressedAttributes.encode(attributes).finish()),
      bent(
        CheckRequest.encode({
          attributes,
          globalWordCount: 222,
          deduplicationId: 'd',
          quotas: new Map([['q', { amount: -1n, bestEffort: true }]]),
        }).finish(),
      ),
      bent(ReportRequest.encode(encodeReport([new MapBag(map), new MapBag(map)], { semantics: 'delta' })).finish()),
    );
  });

  test.each(readers)('%s: any bytes are read, or refused with our own error', (_, read) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), sound), (bytes) => {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(GarrisonError);
          expect((error as GarrisonError).code).toBe('INVALID_ARGUMENT');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('what our reader takes, the generated one reads alike', () => {
    fc.assert(
      fc.property(sound, (bytes) => {
        // Of a message that comes twice protobuf makes one out of both, as ours does; the generated reader takes the last.
        fc.pre(timesAttributes(bytes) < 2);
        let ours;
        try {
          ours = readCheckRequest(bytes);
        } catch {
          return;
        }
        const theirs = CheckRequest.decode(bytes);
        addEmpty(theirs, ours);
        expect(theirs).toEqual(ours);
      }),
      { numRuns: 1_000 },
    );
  });
});
