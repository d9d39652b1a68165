import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { encodeReport } from '#proto/attributes/index.ts';
import { systemClock } from '#runtime/clock.ts';
import { freePort } from '#test/fakes/free-port.ts';
import { reportBag } from '#test/fakes/report-bag.ts';
import { Collector, urlOf } from './collector.ts';

// Debian's package `prometheus` brings both programs; where they are not installed there is nothing to ask.
const installed = spawnSync('promtool', ['--version']).status === 0;
const withPrometheus = installed ? describe : describe.skip;

async function busyCollector(): Promise<Collector> {
  const collector = await Collector.start({
    metrics: { maxSeries: 2, idleMs: 3_600_000, bytes: true, cluster: 'Kubernetes' },
  });
  const hostile = { 'destination.service.host': 'a"} 1\n\\' };
  const bags = [{}, { 'response.code': 403n }, hostile, { 'response.code': 500n }];
  await collector.report(encodeReport(bags.map((changes) => reportBag({ 'request.total_size': 9n, ...changes }))));
  return collector;
}

withPrometheus('real Prometheus', () => {
  test('promtool reads what is scraped', async () => {
    await using collector = await busyCollector();
    const { text } = await collector.admin('/metrics');
    expect(text).toContain('reporter="overflow"');
    const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    // Lint, not errors: units are Istio's. What promtool cannot parse it calls an error.
    const complaints = `${stdout}${stderr}`
      .split('\n')
      .filter((line) => line.includes('istio_') || line.includes('error'));
    expect(complaints).toEqual([
      'istio_request_duration_milliseconds use base unit "seconds" instead of "milliseconds"',
    ]);
  });

  test('a server scrapes it, and answers what Istio’s dashboards and Kiali ask', async () => {
    await using collector = await busyCollector();
    const folder = mkdtempSync(path.join(tmpdir(), 'garrison-prometheus-'));
    const target = urlOf(collector.telemetry.addresses.telemetryAdmin).replace('http://', '');
    writeFileSync(
      path.join(folder, 'prometheus.yml'),
      `scrape_configs: [{ job_name: garrison, scrape_interval: 1s, static_configs: [{ targets: ['${target}'] }] }]\n`,
    );
    const port = await freePort();
    const prometheus = spawn(
      'prometheus',
      [
        `--config.file=${folder}/prometheus.yml`,
        `--storage.tsdb.path=${folder}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
    const ended = once(prometheus, 'exit');
    try {
      const ask = (query: string): Promise<Sample[]> => queryUntilThere(port, query);
      const byWorkload = await ask(
        'sum(istio_requests_total{reporter="destination",destination_workload_namespace="default"}) by (source_workload, ' +
          'source_canonical_service, destination_workload, destination_service_name, request_protocol, response_code, response_flags) > 0',
      );
      expect(byWorkload.map(({ metric, value }) => [metric['response_code'], value[1]]).sort()).toEqual([
        ['200', '1'],
        ['403', '1'],
      ]);
      expect(byWorkload[0]?.metric).toMatchObject({
        source_workload: 'productpage-v1',
        destination_workload: 'reviews-v2',
      });
      const quantile = await ask(
        'histogram_quantile(0.95, sum(istio_request_duration_milliseconds_bucket{reporter="destination"}) by (le))',
      );
      expect(Number(quantile[0]?.value[1])).toBeGreaterThan(10);
      expect(Number(quantile[0]?.value[1])).toBeLessThanOrEqual(25);
      const mtls = await ask('sum(istio_requests_total) by (connection_security_policy)');
      expect(mtls.find(({ metric }) => metric['connection_security_policy'] === 'mutual_tls')?.value[1]).toBe('2');
      const overflow = await ask('istio_requests_total{reporter="overflow"}');
      expect(overflow[0]?.value[1]).toBe('2');
    } finally {
      prometheus.kill('SIGTERM');
      await ended;
    }
  });
});

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** Prometheus starts, scrapes and indexes at its own pace: asked until it has an answer. */
async function queryUntilThere(port: number, query: string): Promise<Sample[]> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`).catch(
      () => undefined,
    );
    if (answer?.ok === true) {
      const { data } = (await answer.json()) as { data: { result: Sample[] } };
      if (data.result.length > 0) return data.result;
    }
    await systemClock.sleep(100);
  }
}
