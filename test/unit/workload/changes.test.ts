import { setImmediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { Changes } from '#services/workload/changes.ts';

const never = new AbortController().signal;

test('many are woken a few at a time, in the order in which they came', async () => {
  const changes = new Changes();
  const woken: number[] = [];
  for (let at = 0; at < 100; at += 1) void changes.after(0, new AbortController().signal).then(() => woken.push(at));
  changes.bump();
  await setImmediate();
  expect(woken.length).toBeGreaterThan(0);
  expect(woken.length).toBeLessThan(100);
  while (woken.length < 100) await setImmediate();
  expect(woken).toEqual(woken.toSorted((a, b) => a - b));
});

test('who has missed a change does not wait for the next', async () => {
  const changes = new Changes();
  changes.bump();
  await changes.after(0, never);
  expect(changes.version).toBe(1);
});

test('changes that come together are one', async () => {
  const changes = new Changes();
  let woken = 0;
  void changes.after(0, never).then(() => (woken += 1));
  changes.bump();
  changes.bump();
  await setImmediate();
  await setImmediate();
  expect([woken, changes.version]).toEqual([1, 2]);
});

test('who gives up is not woken again, and keeps nobody waiting', async () => {
  const changes = new Changes();
  const stop = new AbortController();
  const waiting = changes.after(0, stop.signal);
  const other = changes.after(0, never);
  stop.abort();
  await waiting;
  changes.bump();
  await other;
  await changes.after(1, AbortSignal.abort());
});
