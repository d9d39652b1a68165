// node test/bench/report.bench.ts [--baseline FILE]: sets per second of one core; `p50Us` is the time of one set.
// Each line adds to the one before it, so that differences are what a part costs. Peers: the real Mixer decodes 71k
// (independent) and 214k (delta) sets/s and takes 5.6–8.3k/s with four Prometheus metrics, 8–17k/s with an access log.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeReport, encodeReport, readReportRequest } from '#proto/attributes/index.ts';
import { ReportRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { systemClock } from '#runtime/clock.ts';
import { openDatabase } from '#runtime/database.ts';
import { FileSink } from '#services/telemetry/access-log/file-sink.ts';
import { LineQueue } from '#services/telemetry/access-log/line-sink.ts';
import { accessLogLine } from '#services/telemetry/access-log/line.ts';
import { SqliteAuditStore } from '#services/telemetry/audit/sqlite-store.ts';
import { IstioMetrics } from '#services/telemetry/metrics/istio-metrics.ts';
import { readAction } from '#services/telemetry/report/action.ts';
import { takeReport } from '#services/telemetry/report/take-report.ts';
import type { ReportSinks } from '#services/telemetry/report/take-report.ts';
import { publish, summary } from '#test/bench/harness.ts';
import type { Measurement } from '#test/bench/harness.ts';
import { reportBag } from '#test/fakes/report-bag.ts';

const batch = 100;
const seconds = Number(process.env['BENCH_SECONDS'] ?? '2');
const reporter = 'cluster.local/ns/default/sa/bookinfo-reviews';

const headers = new Map([
  ['accept', '*/*'],
  ['user-agent', 'productpage/1.0'],
  ['x-request-id', '6f1d5c0e-4b0a-4f1b-9f5e-0d8c1b2a3f4e'],
  ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['end-user', 'jason'],
]);

/** A hundred requests of a few callers: ids, times and paths differ as they do in traffic. */
function bytesOf(semantics: 'independent' | 'delta'): Uint8Array {
  const bags = Array.from({ length: batch }, (_, i) =>
    reportBag({
      'garrison.decision.id': `0198b7c2-5b1e-7c3d-9a41-${i.toString(16).padStart(12, '0')}`,
      'request.path': `/reviews/${i % 10}`,
      'request.headers': headers,
      'request.total_size': 412n,
      'response.total_size': BigInt(1000 + i),
      'response.code': i % 20 === 0 ? 403n : 200n,
      'source.workload.name': `productpage-v${i % 5}`,
    }),
  );
  return ReportRequest.encode(encodeReport(bags, { semantics })).finish();
}

type Result = Measurement & { readonly cpuMsPer1000: number };

/** Sets per second, time of one set, and CPU; `run` takes so many reports of `batch` sets. */
async function measureSets(name: string, run: () => unknown, reports = 1): Promise<Result> {
  const sets = batch * reports;
  const spend = async (ms: number): Promise<number[]> => {
    const samples: number[] = [];
    for (const end = performance.now() + ms; performance.now() < end;) {
      const start = performance.now();
      await run();
      samples.push(((performance.now() - start) * 1000) / sets);
    }
    return samples;
  };
  await spend(500);
  const start = performance.now();
  const cpu = process.cpuUsage();
  const samples = await spend(seconds * 1000);
  const { user, system } = process.cpuUsage(cpu);
  const count = samples.length * sets;
  const cpuMsPer1000 = Number(((user + system) / count).toFixed(2));
  return { ...summary(name, samples, count, performance.now() - start), cpuMsPer1000 };
}

const folder = mkdtempSync(path.join(tmpdir(), 'garrison-bench-'));
const independent = bytesOf('independent');
const delta = bytesOf('delta');

const metricsOf = (): IstioMetrics =>
  new IstioMetrics({
    monotonicMs: () => performance.now(),
    maxSeries: 2000,
    idleMs: 3_600_000,
    bytes: true,
    cluster: 'Kubernetes',
  });

function sinksOf(audit: ReportSinks['audit'], observers: ReportSinks['observers']): ReportSinks {
  return { audit, observers, counted: () => undefined, clock: systemClock };
}

const nowhere = { append: () => Promise.resolve() };
const istio = metricsOf();
await using log = new LineQueue({
  sink: await FileSink.create({ file: path.join(folder, 'access.log'), maxBytes: 64 * 1024 * 1024, keep: 1 }),
  maxWaiting: 64 * 1024 * 1024,
  onDropped: (_, error) => {
    throw new Error('a line was lost', { cause: error });
  },
});
const database = path.join(folder, 'audit.db');
await using sqlite = new SqliteAuditStore({ database: openDatabase(database, { durable: true }), place: database });

const observeMetrics: ReportSinks['observers'][number] = (action) => istio.record(action);
const observeLog: ReportSinks['observers'][number] = (action, bag) => log.add(accessLogLine(action, bag, Date.now()));
const take = (sinks: ReportSinks) => (): Promise<unknown> =>
  takeReport(readReportRequest(independent), reporter, sinks);
/** Ten sidecars report at once: their records share commits. */
const takeTen = (sinks: ReportSinks) => async (): Promise<void> => {
  await Promise.all(Array.from({ length: 10 }, take(sinks)));
};

const metricsOnly = (): void => {
  for (const { bag } of decodeReport(readReportRequest(independent)).elements) istio.record(readAction(bag));
};

const results = [
  await measureSets('decode, independent', () => decodeReport(readReportRequest(independent))),
  await measureSets('decode, delta', () => decodeReport(readReportRequest(delta))),
  await measureSets('decode + metrics (4 instruments, 25 labels)', metricsOnly),
  await measureSets('decode + records made + access log', async () => {
    await take(sinksOf(nowhere, [observeLog]))();
    // Lines reach the file between two turns of the event loop, as between two requests.
    await nextTurn();
  }),
  await measureSets('decode + records made, not stored', take(sinksOf(nowhere, []))),
  await measureSets('decode + audit synced to disk, one report at a time', take(sinksOf(sqlite, []))),
  await measureSets('decode + audit synced to disk, ten reports at a time', takeTen(sinksOf(sqlite, [])), 10),
  await measureSets(
    'decode + audit + metrics + access log, ten reports at a time',
    takeTen(sinksOf(sqlite, [observeMetrics, observeLog])),
    10,
  ),
];

const renderStart = performance.now();
let renderedBytes = 0;
for (const piece of istio.render()) renderedBytes += piece.length;
const render = {
  series: istio.state.series,
  bytes: renderedBytes,
  ms: Number((performance.now() - renderStart).toFixed(1)),
};

const { records } = await sqlite.query({ limit: 1 });
const stored = records[0]?.sequence ?? 0;
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return Number((performance.now() - start).toFixed(1));
};
const questions = {
  records: stored,
  'by decision, ms': await timed(() => sqlite.query({ limit: 1, decision: '0198b7c2-5b1e-7c3d-9a41-000000000001' })),
  'who called whom, ms': await timed(() => sqlite.stats({ reporter: 'inbound' })),
  'by an attribute nobody has (full scan), ms': await timed(() =>
    sqlite.query({ limit: 1, attributes: [{ name: 'request.headers[x-none]', value: 'x' }] }),
  ),
};

publish('report', results, { batch, render, questions });
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
