import { describe, expect, test } from '@jest/globals';
import { Duration, Timestamp } from '#proto/attributes/index.ts';
import { addressText, durationText, timestampText } from '#services/telemetry/report/attribute-text.ts';

describe('addresses', () => {
  test.each([
    ['7f000001', '127.0.0.1'],
    ['00000000000000000000ffff0a000001', '10.0.0.1'],
    ['00000000000000000000000000000001', '::1'],
    ['00000000000000000000000000000000', '::'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['20010db8000100010001000100010001', '2001:db8:1:1:1:1:1:1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['00010000000000000000000000000000', '1::'],
  ])('%s is %s', (hex, text) => expect(addressText(Buffer.from(hex, 'hex'))).toBe(text));

  test('three bytes are none', () => expect(addressText(Uint8Array.of(1, 2, 3))).toBeUndefined());
});

test.each([
  [new Timestamp(1_767_225_600n, 0), '2026-01-01T00:00:00Z'],
  [new Timestamp(1_767_225_600n, 120_000_000), '2026-01-01T00:00:00.12Z'],
  [new Timestamp(-1n, 999_999_999), '1969-12-31T23:59:59.999999999Z'],
  [new Timestamp(9_000_000_000_000_000n, 0), '9000000000000000.0s'],
])('timestamp %#', (value, text) => expect(timestampText(value)).toBe(text));

test.each([
  [new Duration(1n, 500_000_000), '1.5s'],
  [new Duration(0n, -1), '-0.000000001s'],
  [new Duration(-3n, 0), '-3s'],
  [new Duration(0n, 0), '0s'],
])('duration %#', (value, text) => expect(durationText(value)).toBe(text));
