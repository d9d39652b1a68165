import { describe, expect, test } from '@jest/globals';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import { MapBag } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { requireOwnWorkload, withBinding } from '#services/authz/caller.ts';

const reviews = parseSpiffeId('spiffe://cluster.local/ns/default/sa/reviews');
const own = 'cluster.local/ns/default/sa/reviews';
const inbound: [string, AttributeValue][] = [
  ['context.reporter.kind', 'inbound'],
  ['destination.principal', own],
  ['destination.namespace', 'default'],
];
const outbound: [string, AttributeValue][] = [
  ['context.reporter.kind', 'outbound'],
  ['source.principal', own],
  ['source.namespace', 'default'],
  ['destination.namespace', 'other'],
];
const bag = (...entries: [string, AttributeValue | undefined][]): MapBag =>
  new MapBag(entries.filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined));

describe('a caller asks about itself', () => {
  test.each([
    ['as a destination', inbound],
    ['as a source', outbound],
    ['without saying which side: inbound, as in Mixer', inbound.slice(1)],
    ['without a principal, as on a plaintext hop: its namespace still is its own', inbound.slice(2)],
  ])('%s', (_, entries) => {
    expect(() => requireOwnWorkload(bag(...entries), reviews)).not.toThrow();
  });

  test.each<[string, [string, AttributeValue][], [string, AttributeValue | undefined], string, string]>([
    [
      'another workload',
      inbound,
      ['destination.principal', 'cluster.local/ns/default/sa/ratings'],
      'PERMISSION_DENIED',
      'destination.principal',
    ],
    [
      'the same name in another trust domain',
      inbound,
      ['destination.principal', 'other.org/ns/default/sa/reviews'],
      'PERMISSION_DENIED',
      'destination.principal',
    ],
    [
      'its ID with the scheme',
      inbound,
      ['destination.principal', `spiffe://${own}`],
      'PERMISSION_DENIED',
      'destination.principal',
    ],
    [
      'a principal that is no text',
      inbound,
      ['destination.principal', 5n],
      'PERMISSION_DENIED',
      'destination.principal',
    ],
    ['another namespace', inbound, ['destination.namespace', 'other'], 'PERMISSION_DENIED', 'destination.namespace'],
    ['no namespace', inbound, ['destination.namespace', undefined], 'INVALID_ARGUMENT', 'destination.namespace'],
    [
      'another source',
      outbound,
      ['source.principal', 'cluster.local/ns/default/sa/web'],
      'PERMISSION_DENIED',
      'source.principal',
    ],
    ['another source namespace', outbound, ['source.namespace', 'other'], 'PERMISSION_DENIED', 'source.namespace'],
    [
      'a side that there is not',
      inbound,
      ['context.reporter.kind', 'sideways'],
      'INVALID_ARGUMENT',
      'context.reporter.kind',
    ],
  ])('not about %s', (_, entries, [name, value], code, place) => {
    const changed = new Map<string, AttributeValue | undefined>(entries).set(name, value);
    expect(() => requireOwnWorkload(bag(...changed), reviews)).toThrow(expect.objectContaining({ code, place }));
  });

  test('an identity of another shape must be named whole', () => {
    const batch = parseSpiffeId('spiffe://cluster.local/batch/7');
    expect(() => requireOwnWorkload(bag(['destination.namespace', 'default']), batch)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', place: 'destination.principal' }),
    );
    expect(() => requireOwnWorkload(bag(['destination.principal', 'cluster.local/batch/7']), batch)).not.toThrow();
  });
});

test('what the binding looked at is referenced, once', () => {
  const references = withBinding(
    [{ name: 'destination.namespace', key: undefined, condition: 'exact' }],
    bag(['destination.namespace', 'default'], ['destination.principal', own]),
  );
  expect(references).toEqual([
    { name: 'destination.namespace', key: undefined, condition: 'exact' },
    { name: 'context.reporter.kind', key: undefined, condition: 'absence' },
    { name: 'destination.principal', key: undefined, condition: 'exact' },
  ]);
});
