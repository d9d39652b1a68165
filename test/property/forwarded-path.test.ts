import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { targetToForward } from '#policies/decide/look-at-path.ts';
import { normalizePath, pathLevels, pathOnly } from '#policies/decide/normalize-path.ts';

const piece = fc.constantFrom(
  ...[
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2E',
    '%2f',
    '%5C',
    '\\',
    ';x=1',
    ';',
    '%',
    '%%',
    '2',
    '5',
    '41',
    'a',
    '%61',
    '?',
    '%25',
    ' ',
  ],
);
const targets = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`);

test.each(pathLevels)(
  'what is passed on is the path that was decided on, and the query as it came: %s',
  (pathLevel) => {
    fc.assert(
      fc.property(targets, fc.boolean(), (target, strict) => {
        const read = targetToForward({ strict, pathLevel }, 'GET', target);
        if ('fault' in read) return;
        const asked = pathOnly(target);
        expect(pathOnly(read.target)).toBe(normalizePath(pathLevel, asked));
        expect(read.target.endsWith(target.slice(asked.length))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  },
);
