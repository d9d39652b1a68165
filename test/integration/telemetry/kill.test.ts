import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from '@jest/globals';
import { encodeReport } from '#proto/attributes/index.ts';
import { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { parseAddress } from '#runtime/address.ts';
import { openDatabase } from '#runtime/database.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { SqliteAuditStore } from '#services/telemetry/audit/sqlite-store.ts';
import { reportBag } from '#test/fakes/report-bag.ts';

const program = path.join(import.meta.dirname, 'collector-process.ts');

test('what was acknowledged is there after the process was killed, and nothing is there twice', async () => {
  const state = mkdtempSync(path.join(tmpdir(), 'garrison-kill-'));
  const child = spawn(process.execPath, [program, state], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const client = grpcClient(MixerClient, parseAddress(line), { kind: 'plaintext' });
  const acknowledged: string[] = [];
  let sent = 0;
  const send = async (): Promise<void> => {
    for (;;) {
      const first = sent;
      sent += 10;
      const ids = Array.from({ length: 10 }, (_, i) => `d-${first + i}`);
      const request = encodeReport(ids.map((id) => reportBag({ 'garrison.decision.id': id })));
      await callUnary(client.report.bind(client), request);
      acknowledged.push(...ids);
      // Killed amid reports: those of the other senders are on their way.
      if (acknowledged.length >= 2000) child.kill('SIGKILL');
    }
  };
  const senders = await Promise.allSettled(Array.from({ length: 8 }, send));
  expect(senders.every(({ status }) => status === 'rejected')).toBe(true);
  client.close();
  expect(await ended).toEqual([null, 'SIGKILL']);

  const file = path.join(state, 'audit.db');
  await using store = new SqliteAuditStore({ database: openDatabase(file, { durable: true }), place: file });
  const kept: string[] = [];
  let before: number | undefined;
  do {
    const page = await store.query({ limit: 1000, ...(before === undefined ? {} : { before }) });
    kept.push(...page.records.map(({ body }) => (JSON.parse(body) as { decision: string }).decision));
    before = page.next;
  } while (before !== undefined);
  expect(acknowledged.length).toBeGreaterThanOrEqual(2000);
  expect(new Set(kept).size).toBe(kept.length);
  const found = new Set(kept);
  expect(acknowledged.filter((id) => !found.has(id))).toEqual([]);
  // A report is kept whole or not at all.
  expect(kept.length % 10).toBe(0);
  const [{ allowed } = { allowed: 0 }] = await store.stats({ reporter: 'all' });
  expect(allowed).toBe(kept.length);
});
