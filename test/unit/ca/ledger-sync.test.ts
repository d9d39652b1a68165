import { DatabaseSync } from 'node:sqlite';
import { expect, test } from '@jest/globals';
import { GroupCommit } from '#services/ca/ledger/group-commit.ts';

function counting() {
  const database = new DatabaseSync(':memory:');
  database.exec('CREATE TABLE t (a)');
  return { database, add: () => database.exec('INSERT INTO t VALUES (1)') };
}

test('nothing is said to be recorded before the disk has it', async () => {
  const { database, add } = counting();
  let reached: () => void = () => undefined;
  const disk = new Promise<void>((resolve) => (reached = resolve));
  const commit = new GroupCommit(database, { sync: () => disk, syncNow: () => undefined });
  let said = 0;
  const writes = [commit.run(add), commit.run(add)].map((write) => write.then(() => (said += 1)));
  await new Promise((next) => setImmediate(next));
  await new Promise((next) => setImmediate(next));
  expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 2 });
  expect(said).toBe(0);
  reached();
  await Promise.all(writes);
  expect(said).toBe(2);
});

test('after a sync that failed nothing is recorded any more: nobody knows what the disk holds', async () => {
  const { database, add } = counting();
  const fail = (): never => {
    throw new Error('EIO');
  };
  const commit = new GroupCommit(database, { sync: () => Promise.reject(new Error('EIO')), syncNow: fail });
  const lost = { code: 'UNAVAILABLE', message: 'the disk did not keep what was written to the ledger' };
  await expect(commit.run(add)).rejects.toMatchObject(lost);
  await expect(commit.run(add)).rejects.toMatchObject(lost);
  expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 1 });
});
