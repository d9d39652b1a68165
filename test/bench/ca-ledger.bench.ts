// node test/bench/ca-ledger.bench.ts [--baseline FILE]
// What a full ledger costs those who issue. GARRISON_BENCH_LEDGER=10000000 for ten million entries (about 6 GB of disk).
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newSerial } from '#ca/issue/serial.ts';
import { openDatabase } from '#runtime/database.ts';
import type { Intent } from '#services/ca/ledger/port.ts';
import { SqliteLedger } from '#services/ca/ledger/sqlite-ledger.ts';
import { fillLedger, workloadId, workloads } from '#test/bench/fill-ledger.ts';
import { publish, summary, type Measurement } from '#test/bench/harness.ts';

const entries = Number(process.env['GARRISON_BENCH_LEDGER'] ?? 1_000_000);
const folder = mkdtempSync(join(tmpdir(), 'gbl-'));
const certificate = randomBytes(620);
const hex = (bytes: number): string => randomBytes(bytes).toString('hex');

function anIntent(): Intent {
  const now = new Date();
  const hashes = { issuerKeyId: 'ab'.repeat(20), publicKeyHash: hex(32), tbsHash: hex(32) };
  const spiffeId = workloadId(Math.floor(Math.random() * workloads));
  const who = { caller: `svid:${hex(20)}`, grant: 'registration:a/b', requestedAt: now };
  const times = { notBefore: now, notAfter: new Date(now.getTime() + 3_600_000) };
  return {
    serial: newSerial(1, now, randomBytes),
    profile: 'leaf',
    spiffeId,
    dnsNames: [],
    ...times,
    ...hashes,
    ...who,
  };
}

interface Run {
  readonly measurement: Measurement;
  readonly processorUs: number;
}

async function record(name: string, ledger: SqliteLedger, inFlight: number, ms: number): Promise<Run> {
  const latencies: number[] = [];
  const before = process.cpuUsage();
  const start = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      const from = performance.now();
      const intent = anIntent();
      await ledger.intend(intent);
      await ledger.conclude(intent.serial, { kind: 'issued', certificate }, new Date());
      latencies.push((performance.now() - from) * 1000);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const { user, system } = process.cpuUsage(before);
  const measurement = summary(name, latencies, latencies.length, performance.now() - start);
  return { measurement, processorUs: (user + system) / latencies.length };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return Number((performance.now() - start).toFixed(1));
}

const ledgerOf = (name: string) => {
  const database = openDatabase(join(folder, name), { durable: true });
  return { database, ledger: new SqliteLedger(database) };
};
const empty = ledgerOf('empty.db');
const full = ledgerOf('full.db');
await empty.ledger.abandon(1);
const filling = performance.now();
fillLedger(full.database, entries);
const fillS = (performance.now() - filling) / 1000;
const startMs = await timed(() => full.ledger.abandon(1));

// Turn and turn about: what else the machine does meets both.
const rounds: { empty: Run; full: Run }[] = [];
for (let round = 0; round < 6; round += 1) {
  rounds.push({
    empty: await record('intent and outcome recorded, empty ledger, 64 in flight', empty.ledger, 64, 1500),
    full: await record(`intent and outcome recorded, ${entries} entries, 64 in flight`, full.ledger, 64, 1500),
  });
}
const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const emptyUs = middle(rounds.map((round) => round.empty.processorUs));
const fullUs = middle(rounds.map((round) => round.full.processorUs));
const newest = rounds.at(-1);
const now = new Date();
const questionsMs = {
  countLive: await timed(() => full.ledger.countLive(now)),
  listByIdentity: await timed(() => full.ledger.list({ spiffeId: workloadId(5), limit: 100 })),
  listByIssuer: await timed(() => full.ledger.list({ issuerKeyId: 'ab'.repeat(20), limit: 100 })),
  listByTime: await timed(() => full.ledger.list({ from: new Date(now.getTime() - 60_000), limit: 100 })),
};
const ledger = {
  entries,
  fillS: Math.round(fillS),
  afterCrashStartMs: startMs,
  processorUsPerCertificate: { empty: Number(emptyUs.toFixed(1)), full: Number(fullUs.toFixed(1)) },
  questionsMs,
};
publish('ca-ledger', newest === undefined ? [] : [newest.empty.measurement, newest.full.measurement], { ledger });
rmSync(folder, { recursive: true });
process.exit(0);
