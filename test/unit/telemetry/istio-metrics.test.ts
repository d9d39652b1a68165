import { describe, expect, test } from '@jest/globals';
import { Duration } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { IstioMetrics } from '#services/telemetry/metrics/istio-metrics.ts';
import { readAction } from '#services/telemetry/report/action.ts';
import { reportBag } from '#test/fakes/report-bag.ts';

function metrics(options: { maxSeries?: number; idleMs?: number; bytes?: boolean } = {}): {
  record: (changes?: Record<string, AttributeValue | undefined>) => void;
  lines: () => string[];
  labels: () => Record<string, string>;
  pass: (ms: number) => void;
  istio: IstioMetrics;
} {
  let now = 0;
  const istio = new IstioMetrics({
    monotonicMs: () => now,
    maxSeries: options.maxSeries ?? 100,
    idleMs: options.idleMs ?? 1_000_000,
    bytes: options.bytes ?? false,
    cluster: 'Kubernetes',
  });
  const lines = (): string[] => [...istio.render()].join('').split('\n');
  return {
    istio,
    lines,
    record: (changes) => istio.record(readAction(reportBag(changes))),
    pass: (ms) => (now += ms),
    labels: () => {
      const line = lines().find((one) => one.startsWith('istio_requests_total{')) ?? '';
      return Object.fromEntries(
        [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
      );
    },
  };
}

describe('labels', () => {
  test('of a request between two identified workloads', () => {
    const { record, labels } = metrics();
    record();
    expect(labels()).toEqual({
      reporter: 'destination',
      source_workload: 'productpage-v1',
      source_workload_namespace: 'default',
      source_principal: 'spiffe://cluster.local/ns/default/sa/bookinfo-productpage',
      source_app: 'unknown',
      source_version: 'unknown',
      source_canonical_service: 'productpage-v1',
      source_canonical_revision: 'latest',
      source_cluster: 'Kubernetes',
      destination_workload: 'reviews-v2',
      destination_workload_namespace: 'default',
      destination_principal: 'spiffe://cluster.local/ns/default/sa/bookinfo-reviews',
      destination_app: 'reviews',
      destination_version: 'v2',
      destination_canonical_service: 'reviews',
      destination_canonical_revision: 'v2',
      destination_cluster: 'Kubernetes',
      destination_service: 'reviews.default.svc.cluster.local',
      destination_service_name: 'reviews',
      destination_service_namespace: 'default',
      request_protocol: 'http',
      response_code: '200',
      grpc_response_status: '',
      response_flags: '-',
      connection_security_policy: 'mutual_tls',
    });
  });

  test('of an anonymous plaintext caller that got no response', () => {
    const { record, labels } = metrics();
    record({
      'source.principal': undefined,
      'source.workload.name': undefined,
      'connection.mtls': false,
      'response.code': undefined,
      'context.proxy_error_code': 'UF',
    });
    expect(labels()).toMatchObject({
      source_workload: 'unknown',
      source_workload_namespace: 'unknown',
      source_principal: 'unknown',
      source_canonical_service: 'unknown',
      source_canonical_revision: 'latest',
      source_cluster: 'unknown',
      response_code: '0',
      response_flags: 'UF',
      connection_security_policy: 'none',
    });
  });

  test('a calling sidecar does not know the security policy', () => {
    const { record, labels } = metrics();
    record({ 'context.reporter.kind': 'outbound' });
    expect(labels()).toMatchObject({ reporter: 'source', connection_security_policy: 'unknown' });
  });

  test('canonical names come from their own labels first', () => {
    const { record, labels } = metrics();
    record({
      'destination.labels': new Map([
        ['app', 'a'],
        ['app.kubernetes.io/name', 'b'],
        ['service.istio.io/canonical-name', 'c'],
        ['service.istio.io/canonical-revision', 'r'],
        ['topology.istio.io/cluster', 'east'],
      ]),
    });
    expect(labels()).toMatchObject({
      destination_app: 'a',
      destination_canonical_service: 'c',
      destination_canonical_revision: 'r',
      destination_cluster: 'east',
    });
  });

  test('values a caller chose cannot leave their quotes', () => {
    const { record, lines } = metrics();
    record({ 'destination.service.host': 'a"} 1\nistio_requests_total{x="\\' });
    expect(lines().filter((line) => line.startsWith('istio_requests_total'))).toHaveLength(1);
    expect(lines().join('\n')).toContain('destination_service="a\\"} 1\\nistio_requests_total{x=\\"\\\\"');
  });

  test('without a service the Host header says it, whatever its port', () => {
    const { record, labels } = metrics();
    record({ 'destination.service.host': undefined, 'request.host': 'Reviews.bookinfo.svc:9080' });
    expect(labels()).toMatchObject({
      destination_service: 'reviews.bookinfo.svc',
      destination_service_name: 'reviews',
      destination_service_namespace: 'bookinfo',
    });
  });

  test('hosts that callers make up end as unknown', () => {
    const { record, lines } = metrics({ maxSeries: 1000 });
    for (let i = 0; i < 300; i++) record({ 'destination.service.host': undefined, 'request.host': `h${i}.example` });
    const counts = lines().filter((line) => line.startsWith('istio_requests_total{'));
    expect(counts).toHaveLength(201);
    expect(counts.at(-1)).toContain('destination_service="unknown"');
    expect(counts.at(-1)).toMatch(/ 100$/);
  });
});

describe('histograms', () => {
  test('buckets are cumulative, end in +Inf, and a value on an edge belongs below it', () => {
    const { record, lines } = metrics();
    for (const ms of [0.2, 5, 5.1, 7_200_000]) record({ 'response.duration': Duration.fromMs(ms) });
    const buckets = lines()
      .filter((line) => line.startsWith('istio_request_duration_milliseconds_bucket'))
      .map((line) => /le="([^"]+)"\} (\d+)/.exec(line)?.slice(1));
    expect(buckets).toHaveLength(20);
    expect(buckets.slice(0, 5)).toEqual([
      ['0.5', '1'],
      ['1', '1'],
      ['5', '2'],
      ['10', '3'],
      ['25', '3'],
    ]);
    expect(buckets.at(-2)).toEqual(['3600000', '3']);
    expect(buckets.at(-1)).toEqual(['+Inf', '4']);
    const text = lines().join('\n');
    expect(text).toMatch(/istio_request_duration_milliseconds_sum\{[^}]*\} 7200010\.3\n/);
    expect(text).toMatch(/istio_request_duration_milliseconds_count\{[^}]*\} 4\n/);
  });

  test('sizes are there when asked for', () => {
    const { record, lines } = metrics({ bytes: true });
    record({ 'request.total_size': 10n, 'response.total_size': 1000n });
    expect(lines().filter((line) => line.startsWith('# TYPE'))).toEqual([
      '# TYPE istio_requests_total counter',
      '# TYPE istio_request_duration_milliseconds histogram',
      '# TYPE istio_request_bytes histogram',
      '# TYPE istio_response_bytes histogram',
    ]);
    expect(lines().join('\n')).toMatch(/istio_response_bytes_sum\{[^}]*\} 1000\n/);
  });
});

describe('bounds', () => {
  test('beyond the limit everything is counted in one overflow series', () => {
    const { record, lines, istio } = metrics({ maxSeries: 2 });
    for (let i = 0; i < 5; i++) record({ 'response.code': BigInt(200 + i) });
    record({ 'response.code': 200n });
    const counts = lines().filter((line) => line.startsWith('istio_requests_total{'));
    expect(counts).toHaveLength(3);
    expect(counts[0]).toMatch(/response_code="200".* 2$/);
    expect(counts[2]).toMatch(/reporter="overflow".* 3$/);
    expect(istio.state).toEqual({ series: 2, overflowed: 3, expired: 0 });
  });

  test('idle series go, busy ones stay', () => {
    const { record, lines, pass, istio } = metrics({ idleMs: 60_000 });
    record({ 'response.code': 200n });
    record({ 'response.code': 500n });
    pass(40_000);
    record({ 'response.code': 200n });
    pass(30_000);
    const counts = lines().filter((line) => line.startsWith('istio_requests_total{'));
    expect(counts).toHaveLength(1);
    expect(counts[0]).toMatch(/response_code="200".* 2$/);
    expect(istio.state.expired).toBe(1);
  });
});
