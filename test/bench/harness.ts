import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

export interface Measurement {
  readonly name: string;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly samples: number;
}

export interface BenchOptions {
  /** Calls in one sample: enough that the timer's own cost does not show. */
  readonly batch?: number;
  readonly warmUpMs?: number;
  readonly measureMs?: number;
}

/** Time of one call of `run`, measured in samples of `batch` calls. What `run` returns is kept, so that it cannot be optimised away. */
export function measure(name: string, run: () => unknown, options: BenchOptions = {}): Measurement {
  const { batch = 100, warmUpMs = 300, measureMs = 1_000 } = options;
  let kept: unknown;
  for (const end = performance.now() + warmUpMs; performance.now() < end;) kept = run();
  const samples: number[] = [];
  let total = 0;
  while (total < measureMs) {
    const start = performance.now();
    for (let i = 0; i < batch; i++) kept = run();
    const spent = performance.now() - start;
    total += spent;
    samples.push((spent / batch) * 1_000);
  }
  sink = kept;
  return summary(name, samples, samples.length * batch, total);
}

let sink: unknown;
/** The last value that a measured function returned. */
export const lastKept = (): unknown => sink;

/** From single latencies in µs: for what is awaited and measured one by one. */
export function summary(name: string, latenciesUs: readonly number[], calls: number, totalMs: number): Measurement {
  const sorted = latenciesUs.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
  const round = (n: number): number => Number(n.toPrecision(4));
  return {
    name,
    perSecond: Math.round((calls * 1_000) / totalMs),
    p50Us: round(at(0.5)),
    p99Us: round(at(0.99)),
    samples: sorted.length,
  };
}

/** User and system time of a process so far, all its threads: what it costs, whatever else the machine does. A tick is 10 ms. */
export function processorMs({ pid }: ChildProcess): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

export function residentMiB({ pid }: ChildProcess): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
}

/**
 * Prints one JSON object on stdout. With `--baseline FILE` (an earlier output) it adds the ratio of each p50 to the one
 * there: compare ratios of one machine, never absolute times of two.
 */
export function publish(
  bench: string,
  measurements: readonly Measurement[],
  extra: Record<string, unknown> = {},
): void {
  const { values } = parseArgs({ options: { baseline: { type: 'string' } }, strict: false });
  const before = typeof values.baseline === 'string' ? readBaseline(values.baseline) : undefined;
  const results = measurements.map((measurement) => {
    const old = before?.get(measurement.name);
    return old === undefined ? measurement : { ...measurement, ratio: Number((measurement.p50Us / old).toFixed(3)) };
  });
  process.stdout.write(`${JSON.stringify({ bench, node: process.version, results, ...extra }, null, 2)}\n`);
}

function readBaseline(file: string): Map<string, number> {
  const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: Measurement[] };
  return new Map(results.map(({ name, p50Us }) => [name, p50Us]));
}
