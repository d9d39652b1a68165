import { describe, expect, test } from '@jest/globals';
import { Timestamp } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import type { AuditEntry } from '#services/telemetry/audit/audit-record.ts';
import { longestRecord, recordOf } from '#services/telemetry/audit/record-of.ts';
import { readAction } from '#services/telemetry/report/action.ts';
import { reportBag } from '#test/fakes/report-bag.ts';

const receivedMs = Date.parse('2026-01-01T00:00:01Z');

function record(changes: Record<string, AttributeValue | undefined> = {}): AuditEntry {
  const bag = reportBag(changes);
  return recordOf(readAction(bag), bag, { receivedMs, reporter: 'cluster.local/ns/default/sa/bookinfo-reviews' });
}

test('the whole record of an allowed request', () => {
  expect(JSON.parse(record().body)).toEqual({
    attributes: {
      'destination.labels': { app: 'reviews', version: 'v2' },
      'request.headers': { 'x-request-id': 'r-1' },
    },
    code: 200,
    decision: 'd-1',
    destination: {
      namespace: 'default',
      port: 9080,
      principal: 'cluster.local/ns/default/sa/bookinfo-reviews',
      service: 'reviews.default.svc.cluster.local',
      workload: 'reviews-v2',
    },
    durationMs: 12.5,
    effect: 'allow',
    host: 'reviews:9080',
    method: 'GET',
    mtls: true,
    path: '/reviews/0',
    policy: 'default/reviews-viewer',
    principal: 'cluster.local/ns/default/sa/bookinfo-productpage',
    protocol: 'http',
    reason: 'rule 0 of default/reviews-viewer allows it',
    received: '2026-01-01T00:00:01.000Z',
    reporter: { kind: 'inbound', principal: 'cluster.local/ns/default/sa/bookinfo-reviews' },
    requestId: 'r-1',
    revision: 7,
    rule: 0,
    source: { address: '127.0.0.1', namespace: 'default', workload: 'productpage-v1' },
    time: '2026-01-01T00:00:00.000Z',
  });
});

describe('effect', () => {
  test.each([
    [{ 'garrison.decision.effect': 'deny' }, 'deny'],
    [{ 'garrison.decision.effect': undefined, 'check.error_code': 7n }, 'deny'],
    [{ 'garrison.decision.effect': undefined, 'check.error_code': 0n }, 'allow'],
    [{ 'garrison.decision.effect': undefined }, 'unknown'],
    [{ 'garrison.decision.effect': 'maybe' }, 'unknown'],
  ])('%j is %s', (changes, effect) => expect(record(changes).record.effect).toBe(effect));
});

test('a fail-open pass says so', () => {
  expect(record({ 'garrison.decision.fail_open': true }).record.failOpen).toBe(true);
  expect(record().body).not.toContain('failOpen');
});

test('no credential gets in, by any attribute', () => {
  const { body } = record({
    'request.headers': new Map([
      ['authorization', 'Bearer hunter2'],
      ['cookie', 'session=hunter2'],
      ['x-user', 'jason'],
    ]),
    'garrison.request.repeated_headers': new Map([['cookie', 'a=hunter2\nb=hunter2']]),
    'response.headers': new Map([['set-cookie', 'session=hunter2']]),
    'request.api_key': 'hunter2',
    'request.path': '/a?access_token=hunter2',
    'request.url_path': '/a?token=hunter2',
    'request.query_params': new Map([['access_token', 'hunter2']]),
    'request.referer': 'https://u:hunter2@x/',
  });
  expect(body).not.toContain('hunter2');
  expect(body).toContain('jason');
});

test('an attribute of another type than its place is kept among the others', () => {
  const { record: kept, body } = record({ 'response.code': 'teapot', 'garrison.decision.revision': 1n << 60n });
  expect(kept.code).toBeUndefined();
  expect(kept.revision).toBeUndefined();
  expect((JSON.parse(body) as { attributes: unknown }).attributes).toMatchObject({
    'response.code': 'teapot',
    'garrison.decision.revision': (1n << 60n).toString(),
  });
});

test('a time no date can hold becomes the time of receipt', () => {
  expect(record({ 'request.time': new Timestamp(1n << 60n, 0) }).timeMs).toBe(receivedMs);
});

test('`__proto__` is a name like any other', () => {
  const { body } = record({ ['__proto__']: 'x', 'request.headers': new Map([['__proto__', 'y']]) });
  expect(body).toContain('"__proto__":"x"');
  expect(body).toContain('"__proto__":"y"');
});

describe('a record is never longer than a log entry may be', () => {
  test('the longest attributes go first, by name', () => {
    const many = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x.${i}`, 'v'.repeat(8000 + i)]));
    const { body, record: kept } = record(many);
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(longestRecord);
    expect(kept.truncated).toContain('x.19');
    expect(kept.truncated).not.toContain('x.0');
    expect(kept.decision).toBe('d-1');
  });

  test('even where the named fields alone are too long', () => {
    const long = '\u0001'.repeat(100_000);
    const names = ['request.path', 'request.host', 'request.method', 'garrison.decision.reason', 'source.principal'];
    const { body, record: kept } = record(Object.fromEntries(names.map((name) => [name, long])));
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(longestRecord);
    expect(kept.truncated).toEqual(['*']);
  });
});
