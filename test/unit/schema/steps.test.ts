import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { eachLightly, finish, sorted } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';

/** How many steps there are, and what comes out. */
function counted<T>(steps: Steps<T>): { steps: number; value: T } {
  for (let count = 0; ; count++) {
    const step = steps.next();
    if (step.done === true) return { steps: count, value: step.value };
  }
}

describe('work in steps', () => {
  test('sorting gives what sorting at once gives, equal items in their order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat()), { maxLength: 2000, size: 'max' }), (items) => {
        const compare = (a: [number, number], b: [number, number]): number => a[0] - b[0];
        expect(finish(sorted(items, compare))).toEqual(items.toSorted(compare));
      }),
      { numRuns: 100 },
    );
  });

  test('light things are done some hundreds to a step, and none is left out', () => {
    const done: number[] = [];
    const items = Array.from({ length: 10_000 }, (_, i) => i);
    const { steps } = counted(eachLightly(items, (item) => done.push(item)));
    expect(done).toEqual(items);
    expect(steps).toBeGreaterThanOrEqual(10_000 / 256 - 1);
    expect(counted(sorted(items, (a, b) => a - b)).steps).toBeGreaterThan(10_000 / 256);
  });
});
