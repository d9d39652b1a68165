import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { encodeReport } from '#proto/attributes/index.ts';
import { formatAddress } from '#runtime/address.ts';
import { reportBag } from '#test/fakes/report-bag.ts';
import { runVerb, type VerbRun } from '#test/fakes/run-verb.ts';
import { Collector, anyPort } from './collector.ts';

async function garrison(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Omit<VerbRun, 'json'>> {
  const { code, stdout, stderr } = await runVerb(args, { cwd: mkdtempSync(path.join(tmpdir(), 'garrison-cwd-')), env });
  return { code, stdout, stderr };
}

async function told(): Promise<Collector & { audit: string; local: string }> {
  const collector = await Collector.start();
  await collector.report(
    encodeReport([
      reportBag(),
      reportBag({
        'garrison.decision.id': 'd-2',
        'garrison.decision.effect': 'deny',
        'garrison.decision.policy': 'none',
        'garrison.decision.rule': undefined,
        'garrison.decision.reason': 'no ALLOW policy matched',
        'request.path': '/admin\u001b[2J',
        'response.code': 403n,
        'source.workload.name': undefined,
        'request.time': undefined,
      }),
    ]),
  );
  const { telemetryHttp, telemetryLocal } = collector.telemetry.addresses;
  return Object.assign(collector, {
    audit: formatAddress(telemetryHttp ?? anyPort),
    local: formatAddress(telemetryLocal ?? anyPort),
  });
}

describe('audit query', () => {
  test('two lines for each record, newest first, nothing a terminal obeys', async () => {
    await using collector = await told();
    const { code, stdout } = await garrison(['audit', 'query', '--server', collector.audit]);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(
        /^\S+Z {2}DENIED {3}cluster\.local\/ns\/default\/sa\/bookinfo-productpage → default\/reviews-v2 {2}GET reviews:9080\/admin\\u001b\[2J {2}403$/,
      ),
      '    no policy, revision 7: no ALLOW policy matched  [d-2]',
      '2026-01-01T00:00:00.000Z  allowed  default/productpage-v1 → default/reviews-v2  GET reviews:9080/reviews/0  200',
      '    default/reviews-viewer rule 0, revision 7: rule 0 of default/reviews-viewer allows it  [d-1]',
    ]);
  });

  test('one decision in full; exit 1 where there is none', async () => {
    await using collector = await told();
    const found = await garrison(['audit', 'query', '--server', collector.audit, '--decision', 'd-1']);
    expect(found.code).toBe(0);
    expect(found.stdout).toMatch(/callee +cluster\.local\/ns\/default\/sa\/bookinfo-reviews\n/);
    expect(found.stdout).toMatch(/request\.headers +\{"x-request-id":"r-1"\}\n/);
    const none = await garrison(['audit', 'query', '--server', collector.audit, '--decision', 'd-3']);
    expect(none).toEqual({ code: 1, stdout: '', stderr: 'no record of decision `d-3`\n' });
  });

  test('JSON is one object a line', async () => {
    await using collector = await told();
    const args = ['audit', 'query', '--output', 'json', '--effect', 'deny', '--server', collector.audit];
    const { code, stdout } = await garrison([...args, '--attribute', 'request.method=GET', '--since', '1h']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      decision: 'd-2',
      policy: 'none',
      revision: 7,
      effect: 'deny',
      code: 403,
    });
  });

  test('more than one page', async () => {
    await using collector = await told();
    for (let i = 0; i < 11; i++) {
      await collector.report(encodeReport(Array.from({ length: 100 }, () => reportBag())));
    }
    const args = ['audit', 'query', '--output', 'json', '--limit', '1050', '--server', collector.audit];
    const { stdout } = await garrison(args);
    const sequences = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { sequence: number }).sequence);
    expect(sequences).toEqual(Array.from({ length: 1050 }, (_, i) => 1102 - i));
  });

  test('the collector’s refusals come back as they are', async () => {
    await using collector = await told();
    const { code, stderr } = await garrison(['audit', 'query', '--since', 'yesterday', '--server', collector.audit]);
    expect(code).toBe(2);
    expect(stderr).toContain('parameter `since` is `yesterday`; give a time as');
  });

  test('the running mesh is found by its state folder', async () => {
    await using collector = await told();
    const folder = mkdtempSync(path.join(tmpdir(), 'garrison-mesh-'));
    writeFileSync(path.join(folder, 'addresses.json'), JSON.stringify({ telemetryHttp: collector.audit }));
    const config = path.join(folder, 'garrison.yaml');
    writeFileSync(config, `state: ${folder}\n`);
    const { code } = await garrison(['audit', 'query', '--decision', 'd-1'], { GARRISON_CONFIG: config });
    expect(code).toBe(0);
  });

  test('nobody there is told as such', async () => {
    const { code, stderr } = await garrison(['audit', 'stats', '--server', '127.0.0.1:1']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/no collector answers at `127\.0\.0\.1:1` \(ECONNREFUSED\); start one \(`garrison up`\)/);
  });
});

describe('audit stats', () => {
  test('a table of who called whom', async () => {
    await using collector = await told();
    const { code, stdout } = await garrison(['audit', 'stats', '--server', collector.audit]);
    expect(code).toBe(0);
    expect(stdout.replaceAll(/ +/g, ' ')).toBe(
      [
        'CALLER CALLED ALLOWED DENIED DENIED BY',
        'cluster.local/ns/default/sa/bookinfo-productpage default/reviews-v2 0 1 none (1)',
        'default/productpage-v1 default/reviews-v2 1 0',
        '',
      ].join('\n'),
    );
  });

  test('JSON is one object a line', async () => {
    await using collector = await told();
    const { stdout } = await garrison(['audit', 'stats', '--output', 'json', '--server', collector.audit]);
    const calls = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(calls).toMatchObject([{ denied: 1 }, { source: { workload: 'productpage-v1' }, allowed: 1 }]);
  });
});

describe('report', () => {
  test('one action, from a tool of this host', async () => {
    await using collector = await told();
    const args = ['report', '--server', collector.local, '--attribute', 'garrison.decision.id=tool'];
    expect(await garrison([...args, '--attribute', 'response.code=204'])).toMatchObject({ code: 0, stdout: 'kept\n' });
    expect(await collector.decisions()).toContain('tool');
  });

  test('nobody there is exit 2', async () => {
    expect((await garrison(['report', '--server', '127.0.0.1:1', '--attribute', 'a=b'])).code).toBe(2);
  });
});
