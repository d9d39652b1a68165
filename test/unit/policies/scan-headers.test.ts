import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HeaderScanner } from '#policies/decide/scan-headers.ts';

/** What a scanner remembers of earlier requests must not show in what it says of later ones. */
test('a scanner that has seen much says what a fresh one says', () => {
  const name = fc.constantFrom('a', 'b', 'host', 'HOST', 'x-a', 'x_a', 'X-A', ':path', 'a b', '', 'é');
  const value = fc.constantFrom('1', '2', 'cart', 'CART', '1\n2', '1\0', '', 'x'.repeat(300));
  const headers = fc.array(fc.tuple(name, value), { maxLength: 6 }).map((pairs) => new Map(pairs));
  fc.assert(
    fc.property(fc.array(headers, { minLength: 1, maxLength: 20 }), (requests) => {
      const seasoned = new HeaderScanner();
      for (const each of requests) expect(seasoned.scan(each, 'cart')).toEqual(new HeaderScanner().scan(each, 'cart'));
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ['host', 'cart', false],
  ['host', 'Cart ', false],
  ['Host', 'cart', false],
  ['host', 'admin', true],
  ['Host', 'admin', true],
  ['HOST', 'admin', true],
  ['ho\u017ft', 'admin', false],
])('a second host in the header `%s: %s`', (name, value, told) => {
  const { fault } = new HeaderScanner().scan(new Map([[name, value]]), 'cart');
  expect(fault === 'two different hosts are named').toBe(told);
});
