import { describe, expect, test } from '@jest/globals';
import { readAuditQuery, readStatsQuery } from '#services/telemetry/http/query-params.ts';
import { readTime } from '#services/telemetry/http/read-time.ts';

const now = Date.parse('2026-01-02T00:00:00Z');
const read = (text: string): unknown => readAuditQuery(new URLSearchParams(text), now);

describe('times', () => {
  test.each([
    ['15m', '2026-01-01T23:45:00.000Z'],
    ['2h', '2026-01-01T22:00:00.000Z'],
    ['7d', '2025-12-26T00:00:00.000Z'],
    ['500ms', '2026-01-01T23:59:59.500Z'],
    ['2026-01-01', '2026-01-01T00:00:00.000Z'],
    ['2026-01-01T10:00', '2026-01-01T10:00:00.000Z'],
    ['2026-01-01 10:00:00', '2026-01-01T10:00:00.000Z'],
    ['2026-01-01T10:00:00.25+02:00', '2026-01-01T08:00:00.250Z'],
    ['2026-01-01t10:00:00z', '2026-01-01T10:00:00.000Z'],
  ])('%s', (text, moment) => expect(new Date(readTime(text, now) ?? NaN).toISOString()).toBe(moment));

  test.each(['yesterday', '2026', '15', '2026-13-01', '-5m', ''])('`%s` is none', (text) =>
    expect(readTime(text, now)).toBeUndefined(),
  );
});

test('every parameter', () => {
  const text =
    'since=1h&until=2026-01-02&decision=d&principal=p&workload=w&namespace=n&source=s&destination=t&effect=deny&policy=a/b' +
    '&revision=3&limit=5&before=9&attribute=request.method%3DGET&attribute=request.headers[a%3Db]%3Dc%3Dd';
  expect(read(text)).toEqual({
    sinceMs: now - 3_600_000,
    untilMs: now,
    decision: 'd',
    principal: 'p',
    workload: 'w',
    namespace: 'n',
    source: 's',
    destination: 't',
    effect: 'deny',
    policy: 'a/b',
    revision: 3,
    limit: 5,
    before: 9,
    attributes: [
      { name: 'request.method', value: 'GET' },
      { name: 'request.headers[a=b]', value: 'c=d' },
    ],
  });
  expect(read('')).toEqual({ limit: 100 });
  expect(readStatsQuery(new URLSearchParams(''), now)).toEqual({ reporter: 'inbound' });
});

test.each([
  'limit=0',
  'limit=1001',
  'limit=x',
  'effect=no',
  'since=x',
  'revision=-1',
  'attribute=x',
  'colour=red',
  'limit=1&limit=2',
])('%s is refused with a remedy', (text) => {
  expect(() => read(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', remedy: expect.any(String) }));
});
