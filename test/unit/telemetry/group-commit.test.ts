import { expect, test } from '@jest/globals';
import { GroupCommit } from '#services/telemetry/audit/group-commit.ts';

function group(options: { maxBatch?: number; maxQueued?: number; fail?: () => boolean } = {}): {
  commits: (readonly number[])[];
  turn: () => void;
  commit: GroupCommit<number>;
} {
  const commits: (readonly number[])[] = [];
  const scheduled: (() => void)[] = [];
  const commit = new GroupCommit<number>({
    commit: (batch) => {
      if (options.fail?.() === true) throw new Error('disk full');
      commits.push(batch);
    },
    maxBatch: options.maxBatch ?? 10,
    maxQueued: options.maxQueued ?? 100,
    schedule: (run) => scheduled.push(run),
  });
  return { commits, turn: () => scheduled.shift()?.(), commit };
}

test('everybody of one turn shares one commit', async () => {
  const { commits, turn, commit } = group();
  const all = Promise.all([commit.add([1, 2]), commit.add([3])]);
  turn();
  await all;
  expect(commits).toEqual([[1, 2, 3]]);
});

test('a commit takes no more than it may, and one caller’s items are never split', async () => {
  const { commits, turn, commit } = group({ maxBatch: 3 });
  const all = Promise.all([commit.add([1, 2]), commit.add([3, 4]), commit.add([5, 6, 7, 8])]);
  turn();
  turn();
  turn();
  await all;
  expect(commits).toEqual([
    [1, 2],
    [3, 4],
    [5, 6, 7, 8],
  ]);
});

test('a failed commit fails everyone in it, and the next one starts afresh', async () => {
  let full = true;
  const { commits, turn, commit } = group({ fail: () => full });
  const first = Promise.allSettled([commit.add([1]), commit.add([2])]);
  turn();
  expect((await first).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  full = false;
  const second = commit.add([3]);
  turn();
  await second;
  expect(commits).toEqual([[3]]);
});

test('what would wait too long is refused at once, but one large report alone is taken', async () => {
  const { commits, turn, commit } = group({ maxQueued: 3 });
  const large = commit.add([1, 2, 3, 4, 5]);
  await expect(commit.add([6])).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  turn();
  await large;
  expect(commits).toEqual([[1, 2, 3, 4, 5]]);
});

test('draining waits for what was added', async () => {
  const { turn, commit } = group({ maxBatch: 1 });
  await commit.drained();
  let drained = false;
  const added = [commit.add([1]), commit.add([2])];
  const waiting = commit.drained().then(() => (drained = true));
  turn();
  await added[0];
  expect(drained).toBe(false);
  turn();
  await waiting;
  expect(drained).toBe(true);
});
