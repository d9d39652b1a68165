import { expect, test } from '@jest/globals';
import { GarrisonError, type ErrorCode } from '#proto/errors/index.ts';
import type { NodeNews } from '#proto/gen/garrison/v1/node-entries.ts';
import { silentLogger } from '#runtime/logger.ts';
import { followAuthority } from '#services/agent/following/follow-authority.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

const news: NodeNews = { entries: { entries: [] }, trust: undefined };

function start() {
  const clock = new TestClock();
  const stop = new AbortController();
  const told: string[] = [];
  const streams: { end: (error?: GarrisonError) => void; say: () => void }[] = [];
  let turn = new AbortController();
  async function* watch(signal: AbortSignal): AsyncGenerator<NodeNews, void, void> {
    let step = Promise.withResolvers<boolean>();
    streams.push({
      say: () => step.resolve(true),
      end: (error) => (error === undefined ? step.resolve(false) : step.reject(error)),
    });
    signal.addEventListener('abort', () => step.resolve(false), { once: true });
    while (await step.promise) {
      step = Promise.withResolvers();
      yield news;
    }
  }
  const done = followAuthority(
    {
      hear: () => told.push('news'),
      refused: (reason) => told.push(`refused: ${reason}`),
      notEntitled: (reason) => told.push(`not entitled: ${reason}`),
      away: (_, failures) => {
        told.push(`away ${failures}`);
      },
    },
    {
      link: { watch },
      clock,
      logger: silentLogger,
      random: () => 0.5,
      signal: stop.signal,
      turn: () => (turn.signal.aborted ? (turn = new AbortController()) : turn).signal,
    },
  );
  const rest = (): Promise<void> => clock.advance(0);
  const fail = async (code: ErrorCode): Promise<void> => {
    streams.at(-1)?.end(new GarrisonError(code, code.toLowerCase()));
    await rest();
  };
  return { clock, told, streams, fail, rest, renew: () => turn.abort(), end: () => (stop.abort(), done) };
}

test('tells what it hears, and which kind of end it was', async () => {
  const run = start();
  await run.rest();
  run.streams[0]?.say();
  await run.rest();
  await run.fail('UNAUTHENTICATED');
  await run.clock.advance(1000);
  await run.fail('PERMISSION_DENIED');
  await run.clock.advance(1000);
  await run.fail('UNAVAILABLE');
  expect(run.told).toEqual(['news', 'refused: unauthenticated', 'not entitled: permission_denied', 'away 3']);
  await run.end();
});

test('pauses grow to ten seconds and begin anew after news', async () => {
  const run = start();
  await run.rest();
  const pauses: number[] = [];
  for (let at = 0; at < 10; at += 1) {
    const open = run.streams.length;
    const began = run.clock.monotonicMs();
    await run.fail('UNAVAILABLE');
    while (run.streams.length === open) await run.clock.advance(50);
    pauses.push(run.clock.monotonicMs() - began);
  }
  expect(pauses.slice(0, 4)).toEqual([100, 200, 400, 800]);
  expect(pauses.at(-1)).toBe(10_000);
  run.streams.at(-1)?.say();
  await run.rest();
  await run.fail('UNAVAILABLE');
  expect(run.told.at(-1)).toBe('away 1');
  await run.end();
});

test('a new identity opens a new stream at once, without a word of failure', async () => {
  const run = start();
  await run.rest();
  run.renew();
  await run.rest();
  expect(run.streams).toHaveLength(2);
  expect(run.told).toEqual([]);
  await run.fail('UNAVAILABLE');
  run.renew();
  await run.rest();
  expect(run.streams).toHaveLength(3);
  await run.end();
});

test('an end without a reason is a failure like any other', async () => {
  const run = start();
  await run.rest();
  run.streams[0]?.end();
  await run.rest();
  expect(run.told).toEqual(['away 1']);
  await run.end();
});
