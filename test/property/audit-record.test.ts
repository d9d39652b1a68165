import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MapBag } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { longestRecord, recordOf } from '#services/telemetry/audit/record-of.ts';
import { readAction } from '#services/telemetry/report/action.ts';
import { allowedRequest } from '#test/fakes/report-bag.ts';

/** RFC 8785 for what records hold: keys in UTF-16 order, no white space. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonical(one)}`).join(',')}}`;
}

const names = fc.oneof(fc.constantFrom(...Object.keys(allowedRequest), '__proto__', '10', '9'), fc.string());
const values: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double(),
  fc.boolean(),
  fc.uint8Array({ maxLength: 16 }),
  fc.array(fc.tuple(fc.string(), fc.string())).map((entries) => new Map(entries)),
);

test('a record’s bytes are the canonical ones, whatever was reported', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values), { maxLength: 30 }), (entries) => {
      const bag = new MapBag(new Map([...Object.entries(allowedRequest), ...entries]));
      const { body } = recordOf(readAction(bag), bag, { receivedMs: 0, reporter: undefined });
      expect(canonical(JSON.parse(body))).toBe(body);
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(longestRecord);
    }),
  );
});
