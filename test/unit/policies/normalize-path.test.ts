import { expect, test } from '@jest/globals';
import { isAmbiguous, normalizePath } from '#policies/decide/normalize-path.ts';

test('a stray percent sign in a segment that `..` takes away changes nothing behind it', () => {
  // It once made `/%25ab` of the first: a policy on `/bab` did not see the request.
  expect(normalizePath('BASE', '/%%36/../b%61b')).toBe('/bab');
  expect(normalizePath('DECODE_AND_MERGE_SLASHES', '/%%36/%2E%2e//1%61')).toBe('/1a');
  expect(normalizePath('BASE', '/%4%31/../%61dmin')).toBe('/admin');
  expect(isAmbiguous('/%%36/%2E%2e//1%61')).toBe(false);
  // And one that stays is escaped itself.
  expect(normalizePath('BASE', '/x/../%4%31')).toBe('/%2541');
});
