import { mkdtempSync, readFileSync, readdirSync, renameSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { FileSink } from '#services/telemetry/access-log/file-sink.ts';
import { LineQueue } from '#services/telemetry/access-log/line-sink.ts';
import { accessLogLine } from '#services/telemetry/access-log/line.ts';
import { readAction } from '#services/telemetry/report/action.ts';
import { reportBag } from '#test/fakes/report-bag.ts';

function line(changes: Record<string, AttributeValue | undefined> = {}): string {
  const bag = reportBag(changes);
  return accessLogLine(readAction(bag), bag, 0);
}

describe('a line', () => {
  test('has Istio’s keys and what was decided', () => {
    const parsed = JSON.parse(line()) as Record<string, unknown>;
    expect(Object.keys(parsed).slice(0, 23)).toEqual([
      'start_time',
      'method',
      'path',
      'protocol',
      'response_code',
      'response_flags',
      'response_code_details',
      'connection_termination_details',
      'upstream_transport_failure_reason',
      'bytes_received',
      'bytes_sent',
      'duration',
      'upstream_service_time',
      'x_forwarded_for',
      'user_agent',
      'request_id',
      'authority',
      'upstream_host',
      'upstream_cluster',
      'upstream_local_address',
      'downstream_local_address',
      'downstream_remote_address',
      'requested_server_name',
    ]);
    expect(parsed).toMatchObject({
      start_time: '2026-01-01T00:00:00.000Z',
      response_code: 200,
      response_flags: '-',
      response_code_details: 'via_upstream',
      bytes_sent: null,
      duration: 13,
      request_id: 'r-1',
      upstream_cluster: 'inbound|9080||',
      downstream_remote_address: '127.0.0.1',
      decision_id: 'd-1',
      decision_policy: 'default/reviews-viewer',
      decision_rule: 0,
      decision_revision: 7,
    });
  });

  test('the client behind a balancer is who the balancer said', () => {
    const logged = (...bytes: number[]): unknown =>
      (JSON.parse(line({ 'garrison.source.proxied_ip': Uint8Array.from(bytes) })) as Record<string, unknown>)[
        'downstream_remote_address'
      ];
    expect(logged(192, 0, 2, 7)).toBe('192.0.2.7');
    expect(logged(0, 0, 0, 0)).toBe('127.0.0.1');
  });

  test('a denial is named as Envoy names it', () => {
    expect(line({ 'garrison.decision.effect': 'deny' })).toContain(
      '"rbac_access_denied_matched_policy[ns[default]-policy[reviews-viewer]-rule[0]]"',
    );
    expect(line({ 'garrison.decision.effect': 'deny', 'garrison.decision.policy': 'none' })).toContain(
      '"rbac_access_denied_matched_policy[none]"',
    );
  });

  test('nothing a caller sends ends the line, moves a cursor or turns text around', () => {
    const hostile = '/a\n{"method":"FAKE"}\r\u001b[2J\u0000\u007f\u0085\u009b\u2028\u202e\u2066\u200b\ufeff';
    const written = line({ 'request.path': hostile });
    // eslint-disable-next-line no-control-regex -- control characters are what must not be there
    expect(written.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/);
    expect(written.endsWith('}\n')).toBe(true);
    expect((JSON.parse(written) as { path: string }).path).toBe(hostile);
  });

  test('credentials stay out', () => {
    const headers = new Map([
      ['user-agent', 'Bearer hunter2'],
      ['x-forwarded-for', '10.0.0.1'],
    ]);
    const written = line({ 'request.headers': headers, 'request.path': '/?token=hunter2' });
    expect(written).not.toContain('hunter2');
    expect(written).toContain('10.0.0.1');
  });
});

describe('the file', () => {
  const folder = (): string => mkdtempSync(path.join(tmpdir(), 'garrison-log-'));

  test('rotates by size and keeps as many as told', async () => {
    const file = path.join(folder(), 'access.log');
    await using sink = await FileSink.create({ file, maxBytes: 10, keep: 2 });
    for (const text of ['aaaaaaaa\n', 'bbbbbbbb\n', 'cccccccc\n', 'dddddddd\n']) await sink.write(text);
    expect(readdirSync(path.dirname(file)).sort()).toEqual(['access.log', 'access.log.1', 'access.log.2']);
    expect(readFileSync(file, 'utf8')).toBe('dddddddd\n');
    expect(readFileSync(`${file}.1`, 'utf8')).toBe('cccccccc\n');
    expect(readFileSync(`${file}.2`, 'utf8')).toBe('bbbbbbbb\n');
  });

  test('goes on under its name after somebody moved it', async () => {
    const file = path.join(folder(), 'access.log');
    await using sink = await FileSink.create({ file, maxBytes: 1000, keep: 2 });
    await sink.write('one\n');
    renameSync(file, `${file}.moved`);
    await sink.write('two\n');
    sink.reopen();
    await sink.write('three\n');
    expect(readFileSync(`${file}.moved`, 'utf8')).toBe('one\ntwo\n');
    expect(readFileSync(file, 'utf8')).toBe('three\n');
  });

  test('goes on where it ended', async () => {
    const file = path.join(folder(), 'access.log');
    for (const text of ['one\n', 'two\n']) {
      await using sink = await FileSink.create({ file, maxBytes: 1000, keep: 2 });
      await sink.write(text);
    }
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
  });

  test('a path that cannot be written, or is a link, is refused at start', async () => {
    const base = folder();
    symlinkSync('/dev/null', path.join(base, 'link'));
    for (const file of [path.join(base, 'no/such/folder.log'), path.join(base, 'link')]) {
      await expect(FileSink.create({ file, maxBytes: 1, keep: 1 })).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        place: file,
      });
    }
  });
});

describe('the queue', () => {
  test('keeps order, and drops and counts what does not fit', async () => {
    const written: string[] = [];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const dropped: number[] = [];
    const queue = new LineQueue({
      sink: {
        write: async (lines) => {
          await held;
          written.push(lines);
        },
        reopen: () => undefined,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      maxWaiting: 4,
      onDropped: (lines) => dropped.push(lines),
    });
    queue.add('a\n');
    queue.add('b\n');
    queue.add('c\n');
    release();
    await queue[Symbol.asyncDispose]();
    expect(written).toEqual(['a\nb\n']);
    expect(dropped).toEqual([1]);
  });

  test('a failing sink costs its lines and nothing else', async () => {
    const dropped: [number, unknown][] = [];
    const full = new Error('disk full');
    const queue = new LineQueue({
      sink: {
        write: () => Promise.reject(full),
        reopen: () => undefined,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      maxWaiting: 100,
      onDropped: (lines, error) => dropped.push([lines, error]),
    });
    queue.add('a\n');
    queue.add('b\n');
    await queue[Symbol.asyncDispose]();
    expect(dropped).toEqual([[2, full]]);
  });
});
