import { expect, test } from '@jest/globals';
import { Batches } from '#services/agent/asking/batches.ts';

const turns = async (): Promise<void> => {
  for (let at = 0; at < 5; at += 1) await new Promise((resolve) => setImmediate(resolve));
};

function recorded(maxItems: number, maxInFlight: number) {
  const sent: { items: readonly number[]; done: (answers: readonly number[]) => void; fail: (e: Error) => void }[] = [];
  const batches = new Batches<number, number>({
    send: (items) => new Promise((done, fail) => sent.push({ items, done, fail })),
    maxItems,
    maxInFlight,
  });
  return { sent, batches };
}

test('what is asked in one turn goes together, and each gets its own answer', async () => {
  const { sent, batches } = recorded(10, 2);
  const answers = Promise.all([1, 2, 3].map((one) => batches.ask(one)));
  await turns();
  expect(sent.map(({ items }) => items)).toEqual([[1, 2, 3]]);
  sent[0]?.done([10, 20, 30]);
  expect(await answers).toEqual([10, 20, 30]);
});

test('a batch is bounded, so are those under way; the rest waits and goes together', async () => {
  const { sent, batches } = recorded(2, 2);
  const answers = Promise.all([1, 2, 3, 4, 5, 6, 7].map((one) => batches.ask(one)));
  await turns();
  expect(sent.map(({ items }) => items)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  for (let at = 0; at < 4; at += 1) {
    sent[at]?.done(sent[at]?.items.map((one) => one * 10) ?? []);
    await turns();
  }
  expect(await answers).toEqual([10, 20, 30, 40, 50, 60, 70]);
});

test('a failure is of those in the batch, and the next one goes its way', async () => {
  const { sent, batches } = recorded(1, 1);
  const first = batches.ask(1);
  const second = batches.ask(2);
  await turns();
  sent[0]?.fail(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await turns();
  sent[1]?.done([20]);
  expect(await second).toBe(20);
});

test('an answer that is missing is a failure, not a wait', async () => {
  const { sent, batches } = recorded(2, 1);
  const [first, second] = [batches.ask(1), batches.ask(2)];
  await turns();
  sent[0]?.done([10]);
  expect(await first).toBe(10);
  await expect(second).rejects.toThrow('1 answers to 2 requests');
});
