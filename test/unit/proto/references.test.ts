import { describe, expect, test } from '@jest/globals';
import { MapBag, TrackingBag, decodeReferences, encodeReferences } from '#proto/attributes/index.ts';
import type { Reference, StringMap } from '#proto/attributes/index.ts';
import { ReferencedAttributes } from '#proto/gen/istio/mixer/v1/mixer.ts';

const exact = (name: string, key?: string): Reference => ({ name, key, condition: 'exact' });
const absent = (name: string, key?: string): Reference => ({ name, key, condition: 'absence' });

const bag = new MapBag([
  ['request.path', '/a'],
  ['request.headers', new Map([['source.ip', 'x']])],
]);

describe('tracking', () => {
  test('a read is exact, a miss is an absence, each once', () => {
    const tracking = new TrackingBag(bag);
    expect(tracking.get('request.path')).toBe('/a');
    tracking.get('request.path');
    expect(tracking.get('source.principal')).toBeUndefined();
    expect(tracking.references()).toEqual([exact('request.path'), absent('source.principal')]);
  });

  test('a map is recorded by the keys asked for, present or not', () => {
    const tracking = new TrackingBag(bag);
    const headers = tracking.get('request.headers') as StringMap;
    expect(headers.get('source.ip')).toBe('x');
    expect(headers.has('x-role')).toBe(false);
    expect(tracking.references()).toEqual([exact('request.headers', 'source.ip'), absent('request.headers', 'x-role')]);
  });

  test('a map that was only fetched decides nothing', () => {
    const tracking = new TrackingBag(bag);
    tracking.get('request.headers');
    expect(tracking.references()).toEqual([]);
  });

  test.each<[string, (map: StringMap) => unknown]>([
    ['size', (map) => map.size],
    ['iteration', (map) => [...map]],
    ['keys', (map) => [...map.keys()]],
    ['values', (map) => [...map.values()]],
    ['entries', (map) => [...map.entries()]],
    [
      'forEach',
      (map) => {
        map.forEach(() => undefined);
      },
    ],
  ])('%s of a map depends on the whole map', (_, read) => {
    const tracking = new TrackingBag(bag);
    read(tracking.get('request.headers') as StringMap);
    expect(tracking.references()).toEqual([exact('request.headers')]);
  });

  test('an absent map is an absence of the map, not of its first key', () => {
    const tracking = new TrackingBag(new MapBag([]));
    tracking.get('request.auth.claims');
    expect(tracking.references()).toEqual([absent('request.auth.claims')]);
  });

  test('walking the bag says so', () => {
    const tracking = new TrackingBag(bag);
    expect(tracking.readAll).toBe(false);
    expect([...tracking.entries()]).toHaveLength(2);
    expect(tracking.readAll).toBe(true);
  });
});

describe('references on the wire', () => {
  const references = [
    exact('request.headers'),
    exact('request.headers', 'source.ip'),
    absent('request.headers', 'x-own-word'),
    absent('own.attribute'),
  ];

  test.each([0, 111, 222])('come back with %d global words', (count) => {
    const bytes = ReferencedAttributes.encode(encodeReferences(references, count)).finish();
    expect(decodeReferences(ReferencedAttributes.decode(bytes))).toEqual(references);
  });

  test('a whole map and its key `source.ip` (global word 0) differ', () => {
    const bytes = references
      .slice(0, 2)
      .map((reference) => Buffer.from(ReferencedAttributes.encode(encodeReferences([reference])).finish()));
    expect(bytes[0]?.equals(bytes[1]!)).toBe(false);
  });

  test.each([
    ['a name without a word', { name: -1, condition: 2, regex: '', mapKey: undefined }, '.name'],
    ['a key without a word', { name: 15, condition: 2, regex: '', mapKey: 222 }, '.map_key'],
    ['an unset condition', { name: 15, condition: 0, regex: '', mapKey: undefined }, '.condition'],
    ['a regular expression', { name: 15, condition: 3, regex: '.*', mapKey: undefined }, '.condition'],
  ] as const)('%s is refused', (_, match, field) => {
    expect(() => decodeReferences({ words: [], attributeMatches: [match] })).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        place: `ReferencedAttributes.attribute_matches[0]${field}`,
      }),
    );
  });
});
