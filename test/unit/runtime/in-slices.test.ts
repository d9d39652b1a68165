import { describe, expect, test } from '@jest/globals';
import { inSlices } from '#runtime/in-slices.ts';
import type { Steps } from '#schema/index.ts';

/** Every look at the clock is a tenth of a millisecond later than the last. */
function tickingClock(): { monotonicMs: () => number } {
  let ticks = 0;
  return { monotonicMs: () => ticks++ / 10 };
}

function* counting(to: number, done: number[] = []): Steps<number> {
  for (let i = 0; i < to; i++) {
    done.push(i);
    yield;
  }
  return to;
}

describe('work in slices', () => {
  test('lets the loop turn whenever a slice is over', async () => {
    const done: number[] = [];
    const doneAtTurns: number[] = [];
    const turn = (): Promise<void> => {
      doneAtTurns.push(done.length);
      return Promise.resolve();
    };
    expect(await inSlices(counting(20, done), { sliceMs: 0.5, clock: tickingClock(), turn })).toBe(20);
    expect(doneAtTurns).toEqual([5, 10, 15, 20]);
  });

  test('what waits on the loop runs between the slices', async () => {
    let turns = 0;
    const count = (): void => {
      turns += 1;
      if (turns < 1000) setImmediate(count);
    };
    setImmediate(count);
    await inSlices(counting(50), { sliceMs: 0, clock: tickingClock() });
    expect(turns).toBeGreaterThanOrEqual(49);
  });

  test('gives up when told to', async () => {
    const stop = new AbortController();
    const done: number[] = [];
    const turn = (): Promise<void> => {
      stop.abort(new Error('enough'));
      return Promise.resolve();
    };
    const work = inSlices(counting(20, done), { sliceMs: 0.5, clock: tickingClock(), turn, signal: stop.signal });
    await expect(work).rejects.toThrow('enough');
    expect(done).toHaveLength(5);
  });

  test('an error in the work is the caller’s', async () => {
    function* failing(): Steps<never> {
      yield;
      throw new Error('no');
    }
    await expect(inSlices(failing())).rejects.toThrow('no');
  });
});
