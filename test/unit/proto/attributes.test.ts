import { describe, expect, test } from '@jest/globals';
import * as attributes from '#proto/attributes/index.ts';
import {
  Duration,
  MapBag,
  Timestamp,
  checkGlobalWordCount,
  decodeReport,
  encodeAttributes,
  encodeReport,
  equalValues,
  fromUncompressed,
  toUncompressed,
  vocabulary,
} from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { ReportRequest_RepeatedAttributesSemantics as Semantics } from '#proto/gen/istio/mixer/v1/mixer.ts';

test('the room exports this and nothing else', () => {
  expect(Object.keys(attributes).sort()).toEqual([
    'Duration',
    'MapBag',
    'Timestamp',
    'TrackingBag',
    'checkGlobalWordCount',
    'decodeAttributes',
    'decodeReferences',
    'decodeReport',
    'encodeAttributes',
    'encodeReferences',
    'encodeReport',
    'equalValues',
    'fromUncompressed',
    'globalWords',
    'readCheckRequest',
    'readCompressedAttributes',
    'readReportRequest',
    'toUncompressed',
    'valueTypes',
    'vocabulary',
    'writeCheckResponse',
    'writeDecision',
  ]);
});

describe('the vocabulary', () => {
  test('names each attribute once', () => {
    expect(vocabulary.size).toBe(108);
  });

  test.each([
    ['source.ip', 'ip'],
    ['request.headers', 'stringMap'],
    ['request.time', 'timestamp'],
    ['response.duration', 'duration'],
    ['connection.mtls', 'bool'],
    ['destination.port', 'int64'],
    ['garrison.decision.rule', 'int64'],
    ['garrison.request.repeated_headers', 'stringMap'],
  ])('%s is %s', (name, type) => {
    expect(vocabulary.get(name)).toBe(type);
  });
});

describe('the word count', () => {
  test.each([0, 111, 222])('%d is one we can read', (count) => {
    expect(() => checkGlobalWordCount(count)).not.toThrow();
  });

  test('more words than ours are answered as Mixer answers them', () => {
    expect(() => checkGlobalWordCount(223)).toThrow(
      expect.objectContaining({
        wireStatus: 13,
        message: 'inconsistent global dictionary versions used: mixer knows 222 words, caller knows 223',
      }),
    );
  });
});

describe('encoding', () => {
  test('uses a global word only when the peer knows it', () => {
    const bag = new MapBag([['context.proxy_version', 'v']]);
    expect(encodeAttributes(bag).words).toEqual(['v']);
    expect(encodeAttributes(bag, { globalWordCount: 221 }).words).toEqual(['context.proxy_version', 'v']);
  });

  test.each<[string, AttributeValue]>([
    ['an int64 too great', 2n ** 63n],
    ['an int64 too small', -(2n ** 63n) - 1n],
    ['a timestamp before the year 1', new Timestamp(-62_135_596_801n, 0)],
    ['a duration of two signs', new Duration(1n, -1)],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a map', new Map([['k', '\udc00']])],
  ])('refuses %s', (_, value) => {
    expect(() => encodeAttributes(new MapBag([['x', value]]))).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });

  test.each([-1, 223, 0.5])('refuses a dictionary of %d words', (globalWordCount) => {
    expect(() => encodeAttributes(new MapBag([]), { globalWordCount })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});

describe('reports', () => {
  const bags = ['/a', '/b'].map((path) => new MapBag([['request.path', path]]));

  test('are independent unless asked', () => {
    expect(encodeReport(bags).repeatedAttributesSemantics).toBe(Semantics.INDEPENDENT_ENCODING);
    expect(encodeReport(bags, { semantics: 'delta' }).repeatedAttributesSemantics).toBe(Semantics.DELTA_ENCODING);
  });

  test('an attribute that goes cannot be said in delta, so the batch is independent', () => {
    const request = encodeReport([...bags, new MapBag([])], { semantics: 'delta' });
    expect(request.repeatedAttributesSemantics).toBe(Semantics.INDEPENDENT_ENCODING);
  });

  test('an unknown way to repeat attributes is refused', () => {
    const request = { ...encodeReport(bags), repeatedAttributesSemantics: Semantics.UNRECOGNIZED };
    expect(() => decodeReport(request)).toThrow(
      expect.objectContaining({ place: 'ReportRequest.repeated_attributes_semantics' }),
    );
  });

  test('what elements inherit is bounded, and each element past the bound is a fault', () => {
    const big = new MapBag(Array.from({ length: 50_000 }, (_, i) => [`a${i}`, true] as const));
    const request = encodeReport([big, ...Array.from({ length: 99 }, () => big)], { semantics: 'delta' });
    const { elements, faults } = decodeReport(request);
    expect(elements).toHaveLength(5);
    expect(faults).toHaveLength(95);
    expect(faults[0]).toMatchObject({ index: 5, error: { code: 'RESOURCE_EXHAUSTED' } });
  });
});

describe('the uncompressed form', () => {
  test('a value that is not set is refused', () => {
    expect(() => fromUncompressed({ attributes: new Map([['x', { value: undefined }]]) })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', place: 'Attributes.attributes["x"]' }),
    );
  });

  test('does not share bytes or maps with the bag', () => {
    const bytes = new Uint8Array([1]);
    const message = toUncompressed(new MapBag([['b', bytes]]));
    bytes[0] = 2;
    expect(fromUncompressed(message).get('b')).toEqual(Buffer.from([1]));
  });
});

describe('equal values', () => {
  const values: AttributeValue[] = [
    '1',
    1n,
    1,
    true,
    new Timestamp(1n, 0),
    new Timestamp(1n, 1),
    new Duration(1n, 0),
    new Duration(1n, 1),
    new Uint8Array([1]),
    new Uint8Array([1, 2]),
    new Map([['1', '1']]),
    new Map([['1', '2']]),
    new Map(),
  ];

  test('each equals itself and no other', () => {
    for (const [i, a] of values.entries()) {
      for (const [j, b] of values.entries()) expect([i, j, equalValues(a, b)]).toEqual([i, j, i === j]);
    }
  });
});
