import { describe, expect, test } from '@jest/globals';
import { encodeReport } from '#proto/attributes/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { ReportRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { systemClock } from '#runtime/clock.ts';
import { MemoryAuditStore } from '#services/telemetry/audit/memory-store.ts';
import { takeReport } from '#services/telemetry/report/take-report.ts';
import type { ReportSinks } from '#services/telemetry/report/take-report.ts';
import { reportBag } from '#test/fakes/report-bag.ts';

const reviews = 'cluster.local/ns/default/sa/bookinfo-reviews';

function collector(): {
  sinks: ReportSinks;
  decisions: () => Promise<unknown[]>;
  observed: unknown[];
  counts: unknown[];
} {
  const audit = new MemoryAuditStore();
  const observed: unknown[] = [];
  const counts: unknown[] = [];
  return {
    observed,
    counts,
    sinks: {
      audit,
      observers: [(action) => observed.push(action.decision)],
      counted: (outcome, elements) => counts.push([outcome, elements]),
      clock: systemClock,
    },
    decisions: async () =>
      (await audit.query({ limit: 100 })).records
        .map(({ body }) => (JSON.parse(body) as { decision: string }).decision)
        .reverse(),
  };
}

const bag = (id: string, changes: Parameters<typeof reportBag>[0] = {}): AttributeBag =>
  reportBag({ 'garrison.decision.id': id, ...changes });

/** The same report with an index nobody can resolve in its third element. */
function withBrokenThird(request: ReportRequest): ReportRequest {
  return {
    ...request,
    attributes: request.attributes.map((one, i) =>
      i === 2 ? { ...one, strings: new Map([...one.strings, [17, -4000]]) } : one,
    ),
  };
}

async function failure(taken: Promise<unknown>): Promise<GarrisonError> {
  const error: unknown = await taken.catch((thrown: unknown) => thrown);
  if (error instanceof GarrisonError) return error;
  throw new Error('expected a GarrisonError');
}

describe.each(['independent', 'delta'] as const)('%s encoding', (semantics) => {
  test('every element is kept before it is counted', async () => {
    const { sinks, decisions, observed, counts } = collector();
    const request = encodeReport([bag('a'), bag('b'), bag('c')], { semantics });
    expect(await takeReport(request, reviews, sinks)).toEqual({});
    expect(await decisions()).toEqual(['a', 'b', 'c']);
    expect(observed).toEqual(['a', 'b', 'c']);
    expect(counts).toEqual([['kept', 3]]);
  });

  test('a broken third element is named, and the others are kept', async () => {
    const { sinks, decisions, observed, counts } = collector();
    const request = withBrokenThird(encodeReport([bag('a'), bag('b'), bag('c'), bag('d')], { semantics }));
    const error = await failure(takeReport(request, reviews, sinks));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.describe()).toMatch(/refused 1 of 4 elements, kept 3: ReportRequest\.attributes\[2\]/);
    expect(error.remedy).toContain('do not send the kept ones again');
    expect(await decisions()).toEqual(['a', 'b', 'd']);
    expect(observed).toEqual(['a', 'b', 'd']);
    expect(counts).toEqual([
      ['kept', 3],
      ['refused', 1],
    ]);
  });
});

describe('a sidecar reports for its own workload only', () => {
  test.each([
    ['another destination', { 'destination.principal': 'cluster.local/ns/default/sa/bookinfo-ratings' }],
    ['no destination', { 'destination.principal': undefined }],
    ['another namespace of the destination', { 'destination.namespace': 'bank' }],
    ['another namespace of the workload', { 'destination.workload.namespace': 'bank' }],
    ['an outbound call of somebody else', { 'context.reporter.kind': 'outbound' }],
    [
      'no kind and another destination',
      { 'context.reporter.kind': undefined, 'destination.principal': 'cluster.local/x' },
    ],
    ['the same ID in other letters', { 'destination.principal': reviews.replace('reviews', 'Reviews') }],
  ])('%s', async (_, changes) => {
    const { sinks, decisions } = collector();
    const request = encodeReport([bag('a'), bag('b', changes)]);
    const error = await failure(takeReport(request, reviews, sinks));
    expect(error.code).toBe('PERMISSION_DENIED');
    expect(error.message).toContain('ReportRequest.attributes[1]');
    expect(await decisions()).toEqual(['a']);
  });

  test('its own outbound calls are its own', async () => {
    const { sinks, decisions } = collector();
    const own = { 'context.reporter.kind': 'outbound', 'source.principal': reviews, 'destination.namespace': 'bank' };
    await takeReport(encodeReport([bag('a', own)]), reviews, sinks);
    expect(await decisions()).toEqual(['a']);
  });

  test('the local listener may report anything', async () => {
    const { sinks, decisions } = collector();
    await takeReport(encodeReport([bag('a', { 'destination.principal': undefined })]), undefined, sinks);
    expect(await decisions()).toEqual(['a']);
  });
});

test('a mixed refusal is INVALID_ARGUMENT, and a long one stays short', async () => {
  const { sinks } = collector();
  const foreign = Array.from({ length: 400 }, (_, i) => bag(`x${i}`, { 'destination.principal': 'y'.repeat(1000) }));
  const error = await failure(takeReport(withBrokenThird(encodeReport(foreign)), reviews, sinks));
  expect(error.code).toBe('INVALID_ARGUMENT');
  expect(error.describe().length).toBeLessThan(3500);
  expect(error.message).toMatch(/refused 400 of 400 elements, kept 0: .* and \d+ more$/);
});

test('when nothing can be kept, nothing is counted and the report may come again', async () => {
  const { sinks, observed, counts } = collector();
  const full = new GarrisonError('UNAVAILABLE', 'audit database cannot be written: disk full');
  const failing: ReportSinks = { ...sinks, audit: { append: () => Promise.reject(full) } };
  const error = await failure(
    takeReport(withBrokenThird(encodeReport([bag('a'), bag('b'), bag('c')])), reviews, failing),
  );
  expect(error).toBe(full);
  expect(observed).toEqual([]);
  expect(counts).toEqual([]);
});

test('a caller with a longer dictionary is told so', async () => {
  const { sinks } = collector();
  const error = await failure(takeReport({ ...encodeReport([bag('a')]), globalWordCount: 223 }, reviews, sinks));
  expect(error.message).toContain('inconsistent global dictionary versions');
});
