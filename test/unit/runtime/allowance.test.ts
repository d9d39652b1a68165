import { expect, test } from '@jest/globals';
import { Allowance } from '#runtime/allowance.ts';
import { ManualClock } from '#test/fakes/manual-clock.ts';

test('a burst at once, then so many a second, and how many were passed over', () => {
  const clock = new ManualClock();
  const allowance = new Allowance(clock, { burst: 3, perSecond: 2 });
  const takes = (count: number): (number | undefined)[] => Array.from({ length: count }, () => allowance.take());
  expect(takes(5)).toEqual([0, 0, 0, undefined, undefined]);
  clock.advance(400);
  expect(takes(1)).toEqual([undefined]);
  clock.advance(100);
  expect(takes(2)).toEqual([3, undefined]);
  clock.advance(3_600_000);
  expect(takes(4)).toEqual([1, 0, 0, undefined]);
});
