import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isAmbiguous, normalizePath, pathLevels, pathOnly } from '#policies/decide/normalize-path.ts';
import { isBroken, plainPath } from '#policies/decide/scan-path.ts';

test('a stray percent sign in a segment that `..` takes away changes nothing behind it', () => {
  // It once made `/%25ab` of the first: a policy on `/bab` did not see the request.
  expect(normalizePath('BASE', '/%%36/../b%61b')).toBe('/bab');
  expect(normalizePath('DECODE_AND_MERGE_SLASHES', '/%%36/%2E%2e//1%61')).toBe('/1a');
  expect(normalizePath('BASE', '/%4%31/../%61dmin')).toBe('/admin');
  expect(isAmbiguous('/%%36/%2E%2e//1%61')).toBe(false);
  // And one that stays is escaped itself.
  expect(normalizePath('BASE', '/x/../%4%31')).toBe('/%2541');
});

test('a segment that `..` takes away leaves no trace', () => {
  const segment = fc.constantFrom('%%36', '%4%31', '%%34', '%', '%6', 'b%61b', 'a', '%61', '%2541');
  const some = fc.array(segment, { maxLength: 3 });
  const dots = fc.constantFrom('..', '%2e%2e', '.%2E');
  fc.assert(
    fc.property(some, segment, some, dots, (before, gone, behind, up) => {
      const with_ = `/${[...before, gone, up, ...behind].join('/')}`;
      const end = behind.length === 0 && before.length > 0 ? '/' : '';
      const without = `/${[...before, ...behind].join('/')}${end}`;
      for (const level of ['BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const)
        expect([with_, normalizePath(level, with_)]).toEqual([with_, normalizePath(level, without)]);
    }),
    { numRuns: 3_000 },
  );
});

test('a path that is found plain in one pass is one that no level changes, and that has one reading', () => {
  const part = fc.constantFrom(
    '/',
    '.',
    'a',
    'Z9',
    '-_~',
    '%',
    '%2f',
    '%61',
    '\\',
    ';',
    '"',
    '?',
    '#',
    ' ',
    '\t',
    '\x7f',
    'é',
  );
  let plain = 0;
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const raw = parts.join('');
      const found = plainPath(raw);
      if (found === undefined) return;
      plain += 1;
      expect([raw, found]).toEqual([raw, pathOnly(raw)]);
      expect([raw, isBroken(raw), isAmbiguous(found)]).toEqual([raw, false, false]);
      for (const level of pathLevels) expect([raw, normalizePath(level, found)]).toEqual([raw, found]);
    }),
    { numRuns: 20_000 },
  );
  expect(plain).toBeGreaterThan(100);
  for (const path of ['/', '/a', '/a/', '/a.b/c', '/a?b%20c', '/a?x=//..', '/a#b'])
    expect([path, plainPath(path)]).toEqual([path, pathOnly(path)]);
});
