import { beforeEach, describe, expect, test } from '@jest/globals';
import { MapBag, decodeReport } from '#proto/attributes/index.ts';
import * as client from '#proto/client/index.ts';
import { ReportBatcher } from '#proto/client/index.ts';
import type { ReportBatcherOptions } from '#proto/client/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { ReportRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';

const bag = (n: number): MapBag => new MapBag([['request.size', BigInt(n)]]);
const sizes = (request: ReportRequest): number[] =>
  decodeReport(request).elements.map((element) => Number(element.bag.get('request.size')));

let sent: number[][];
let dropped: [number, string][];
let wake: (() => void)[];
let answer: (attempt: number) => Promise<void>;

function batcher(options: Partial<ReportBatcherOptions> = {}): ReportBatcher {
  return new ReportBatcher({
    send: async (request) => {
      sent.push(sizes(request));
      await answer(sent.length);
    },
    sleep: (_, signal) =>
      new Promise((resolve) => {
        wake.push(resolve);
        signal.addEventListener('abort', () => resolve());
      }),
    onDropped: (count, reason) => dropped.push([count, reason]),
    maxEntries: 3,
    maxQueued: 5,
    ...options,
  });
}

beforeEach(() => {
  sent = [];
  dropped = [];
  wake = [];
  answer = () => Promise.resolve();
});

test('the room exports this and nothing else', () => {
  expect(Object.keys(client)).toEqual(['ReportBatcher']);
});

describe('a report batcher', () => {
  test('sends a full batch at once', async () => {
    await using reports = batcher();
    for (const n of [1, 2, 3]) reports.add(bag(n));
    await reports.flush();
    expect(sent).toEqual([[1, 2, 3]]);
  });

  test('sends a part of a batch when its time is up, with one timer for all of it', async () => {
    await using reports = batcher();
    reports.add(bag(1));
    reports.add(bag(2));
    expect(wake).toHaveLength(1);
    wake[0]?.();
    await Promise.resolve();
    await reports.flush();
    expect(sent).toEqual([[1, 2]]);
  });

  test('sends one batch at a time and keeps the order', async () => {
    let release = (): void => undefined;
    answer = (attempt) => (attempt === 1 ? new Promise((resolve) => (release = resolve)) : Promise.resolve());
    await using reports = batcher();
    for (const n of [1, 2, 3, 4, 5, 6]) reports.add(bag(n));
    expect(sent).toEqual([[1, 2, 3]]);
    release();
    await reports.flush();
    expect(sent).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(dropped).toEqual([]);
  });

  test('tries a failed batch once more', async () => {
    answer = (attempt) => (attempt === 1 ? Promise.reject(new Error('away')) : Promise.resolve());
    await using reports = batcher();
    reports.add(bag(1));
    await reports.flush();
    expect(sent).toEqual([[1], [1]]);
    expect(dropped).toEqual([]);
  });

  test('counts what it gives up, and goes on', async () => {
    answer = (attempt) => (attempt <= 2 ? Promise.reject(new Error('away')) : Promise.resolve());
    await using reports = batcher();
    for (const n of [1, 2, 3]) reports.add(bag(n));
    await reports.flush();
    reports.add(bag(4));
    await reports.flush();
    expect(dropped).toEqual([[3, 'send-failed']]);
    expect(sent).toEqual([[1, 2, 3], [1, 2, 3], [4]]);
  });

  test('does not repeat a batch of which the collector kept the sound part', async () => {
    answer = () => Promise.reject(new GarrisonError('INVALID_ARGUMENT', 'element 1 is broken'));
    await using reports = batcher({ keptOf: () => 2 });
    for (const n of [1, 2, 3]) reports.add(bag(n));
    await reports.flush();
    expect(sent).toEqual([[1, 2, 3]]);
    expect(dropped).toEqual([[1, 'refused']]);
  });

  test('drops and counts what the queue cannot hold', async () => {
    let release = (): void => undefined;
    answer = (attempt) => (attempt === 1 ? new Promise((resolve) => (release = resolve)) : Promise.resolve());
    await using reports = batcher();
    for (let n = 1; n <= 10; n++) reports.add(bag(n));
    expect(dropped).toEqual([
      [1, 'queue-full'],
      [1, 'queue-full'],
    ]);
    release();
    await reports.flush();
    expect(sent.flat()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('a bag that cannot be written costs no other', async () => {
    await using reports = batcher();
    reports.add(bag(1));
    reports.add(new MapBag([['request.path', '\ud800']]));
    reports.add(bag(3));
    await reports.flush();
    expect(sent).toEqual([[1, 3]]);
    expect(dropped).toEqual([[1, 'not-encodable']]);
  });

  test('disposing flushes and lets its timer go', async () => {
    const reports = batcher();
    reports.add(bag(1));
    await reports[Symbol.asyncDispose]();
    expect(sent).toEqual([[1]]);
  });

  test('a failing send that throws at once is a failed send', async () => {
    await using reports = batcher({
      send: () => {
        throw new Error('no connection');
      },
    });
    reports.add(bag(1));
    await reports.flush();
    expect(dropped).toEqual([[1, 'send-failed']]);
  });
});
