import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from '@jest/globals';
import { encodeReport } from '#proto/attributes/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import type { ReportRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { reportBag } from '#test/fakes/report-bag.ts';
import { Collector, reviews } from './collector.ts';

const bag = (id: string, changes: Parameters<typeof reportBag>[0] = {}): AttributeBag =>
  reportBag({ 'garrison.decision.id': id, ...changes });

function withBrokenThird(request: ReportRequest): ReportRequest {
  return {
    ...request,
    attributes: request.attributes.map((one, i) =>
      i === 2 ? { ...one, strings: new Map([...one.strings, [17, -4000]]) } : one,
    ),
  };
}

test.each(['independent', 'delta'] as const)(
  'a %s report over mTLS is in the audit when it is answered',
  async (semantics) => {
    await using collector = await Collector.start();
    await collector.report(encodeReport([bag('a'), bag('b'), bag('c')], { semantics }));
    expect(await collector.decisions()).toEqual(['a', 'b', 'c']);
    const { json } = await collector.get('/audit/records?decision=b');
    expect(json['records']).toMatchObject([
      {
        sequence: 2,
        decision: 'b',
        principal: 'cluster.local/ns/default/sa/bookinfo-productpage',
        destination: { workload: 'reviews-v2', namespace: 'default' },
        reporter: { kind: 'inbound', principal: 'cluster.local/ns/default/sa/bookinfo-reviews' },
        mtls: true,
      },
    ]);
  },
);

test('a broken third element is kept out and named, the others are kept', async () => {
  await using collector = await Collector.start();
  const request = withBrokenThird(encodeReport([bag('a'), bag('b'), bag('c'), bag('d')]));
  await expect(collector.report(request)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/refused 1 of 4 elements, kept 3: ReportRequest\.attributes\[2\]/),
  });
  expect(await collector.decisions()).toEqual(['a', 'b', 'd']);
  expect((await collector.admin('/metrics')).text).toMatch(/^garrison_report_elements_total\{outcome="refused"\} 1$/m);
});

describe('who may report what', () => {
  test('not for another workload, whatever else the report holds', async () => {
    await using collector = await Collector.start();
    const ratings = 'spiffe://cluster.local/ns/default/sa/bookinfo-ratings';
    const own = { 'destination.principal': 'cluster.local/ns/default/sa/bookinfo-ratings' };
    await expect(collector.report(encodeReport([bag('a', own), bag('b')]), ratings)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('ReportRequest.attributes[1]'),
    });
    expect(await collector.decisions()).toEqual(['a']);
  });

  test('nobody without a certificate of this mesh', async () => {
    await using collector = await Collector.start();
    const stranger = await TestPki.create();
    const identity = await stranger.identity(reviews);
    // It trusts the collector, and the collector must still not trust it.
    const request = collector.report(encodeReport([bag('a')]), reviews, { ...identity, bundle: collector.pki.bundle });
    await expect(request).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await collector.decisions()).toEqual([]);
  });

  test('tools on the local listener report for anybody', async () => {
    await using collector = await Collector.start();
    await collector.reportLocally(encodeReport([bag('a', { 'destination.principal': undefined })]));
    expect(await collector.decisions()).toEqual(['a']);
    const { json } = await collector.get('/audit/records/1');
    expect(json['reporter']).toEqual({ kind: 'inbound' });
  });

  test('the local listener is for this host', async () => {
    await expect(Collector.start({ local: { host: '0.0.0.0', port: 0 } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      place: 'telemetry.local',
    });
    await expect(Collector.start({ http: { host: '0.0.0.0', port: 0 } })).rejects.toMatchObject({
      place: 'telemetry.http',
    });
  });
});

test('metrics, access log and stats tell of what was kept', async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'garrison-log-')), 'access.log');
  {
    await using collector = await Collector.start({ accessLog: { file, maxBytes: 1e6, keep: 1 } });
    await collector.report(
      encodeReport([bag('a'), bag('b', { 'garrison.decision.effect': 'deny', 'response.code': 403n })]),
    );
    const { text } = await collector.admin('/metrics');
    expect(text).toMatch(/^istio_requests_total\{reporter="destination",.*response_code="403".*\} 1$/m);
    expect(text).toMatch(/^istio_request_duration_milliseconds_bucket\{.*response_code="200".*,le="25"\} 1$/m);
    expect((await collector.get('/audit/stats')).json).toMatchObject({
      calls: [{ allowed: 1, denied: 1, denials: [{ policy: 'default/reviews-viewer', count: 1 }] }],
    });
  }
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { decision_id: string }).decision_id)).toEqual(['a', 'b']);
});

describe('the answers over HTTP', () => {
  test('one record, none, and no such place', async () => {
    await using collector = await Collector.start();
    await collector.report(encodeReport([bag('a')]));
    expect((await collector.get('/audit/records/1')).json).toMatchObject({ sequence: 1, decision: 'a' });
    expect(await collector.get('/audit/records/2')).toMatchObject({
      status: 404,
      json: { error: { code: 'NOT_FOUND' } },
    });
    expect(await collector.get('/audit/nothing')).toMatchObject({ status: 404 });
    expect(await collector.get('/audit/records?colour=red')).toMatchObject({
      status: 400,
      json: { error: { code: 'INVALID_ARGUMENT', remedy: expect.any(String) } },
    });
  });

  test('a page that found a way to loopback is turned away', async () => {
    await using collector = await Collector.start();
    const { request } = await import('node:http');
    const { telemetryHttp } = collector.telemetry.addresses;
    const status = await new Promise((resolve) => {
      request({ ...telemetryHttp, path: '/audit/stats', headers: { host: 'evil.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(status).toBe(403);
  });
});

describe('when records cannot be kept', () => {
  test('the report may come again, /readyz says why, and both recover', async () => {
    await using collector = await Collector.start();
    // A second writer that holds the database is what a broken disk looks like from here.
    const other = new DatabaseSync(path.join(collector.folder, 'audit.db'));
    other.exec('PRAGMA max_page_count = 1000000; ALTER TABLE records RENAME TO hidden');
    await expect(collector.report(encodeReport([bag('a')]))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('audit database cannot be written'),
    });
    const ready = await collector.admin('/readyz');
    expect(ready.status).toBe(503);
    expect(ready.text).toContain('audit database cannot be written');
    expect((await collector.admin('/metrics')).text).not.toContain('istio_requests_total{');
    other.exec('ALTER TABLE hidden RENAME TO records');
    other.close();
    await collector.report(encodeReport([bag('a')]));
    expect(await collector.decisions()).toEqual(['a']);
    await collector.telemetry.admin.readiness.ready();
    expect((await collector.admin('/readyz')).status).toBe(200);
  });

  test('a damaged database is an error at start that says what to do', async () => {
    const { folder } = await Collector.start().then(async (collector) => {
      await collector[Symbol.asyncDispose]();
      return collector;
    });
    writeFileSync(path.join(folder, 'audit.db'), 'this is no database, and it is long enough to be one'.repeat(100));
    await expect(Collector.start({}, folder)).rejects.toMatchObject({ code: 'DATA_LOSS', remedy: expect.any(String) });
  });

  test('what a newer version wrote is left alone', async () => {
    const first = await Collector.start();
    await first[Symbol.asyncDispose]();
    const database = new DatabaseSync(path.join(first.folder, 'audit.db'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    await expect(Collector.start({}, first.folder)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });
});

test('records outlive the process and their numbers go on', async () => {
  const first = await Collector.start();
  await first.report(encodeReport([bag('a')]));
  await first[Symbol.asyncDispose]();
  await using second = await Collector.start({}, first.folder);
  await second.report(encodeReport([bag('b')]));
  expect((await second.get('/audit/records')).json['records']).toMatchObject([
    { sequence: 2, decision: 'b' },
    { sequence: 1, decision: 'a' },
  ]);
});
