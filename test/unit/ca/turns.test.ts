import { expect, test } from '@jest/globals';
import { Turns } from '#services/ca/nodes/turns.ts';

test('so many at once, the others in their order, and a failure frees its place', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends: PromiseWithResolvers<number>[] = [];
  const all = [0, 1, 2, 3, 4].map((at) => {
    const end = Promise.withResolvers<number>();
    ends.push(end);
    return turns.take(() => {
      begun.push(at);
      return end.promise;
    });
  });
  const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  await rest();
  expect(begun).toEqual([0, 1]);
  ends[1]?.reject(new Error('no'));
  await expect(all[1]).rejects.toThrow('no');
  await rest();
  expect(begun).toEqual([0, 1, 2]);
  const late = turns.take(() => Promise.resolve(5));
  for (const end of ends) end.resolve(1);
  expect(await late).toBe(5);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  expect(await turns.take(() => Promise.resolve(6))).toBe(6);
});
