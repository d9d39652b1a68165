// node test/bench/worst-case.bench.ts
import { worstCases } from '#test/bench/worst-cases.ts';
import type { WorstCase } from '#test/bench/worst-cases.ts';

/**
 * Each case at n, 2n, 4n and 8n. Linear is what takes as long per unit at 8n as at n; `growth` is that ratio, and 8 would be a
 * square. The best of many runs counts: what other programs take of the machine only adds to a run.
 */
const shares = [1, 2, 4, 8] as const;
const measureMs = 150;

const cases = [];
for (const worst of worstCases) {
  const curve = [];
  for (const share of shares) {
    const size = Math.floor((worst.largest * share) / 8);
    const us = await bestUs(worst, size);
    curve.push({ size, us: round(us), nsPerUnit: round((us * 1_000) / size) });
  }
  const [first, last] = [curve[0], curve.at(-1)];
  cases.push({
    name: worst.name,
    unit: worst.unit,
    curve,
    growth: round((last?.nsPerUnit ?? NaN) / (first?.nsPerUnit ?? NaN)),
  });
}
process.stdout.write(`${JSON.stringify({ bench: 'worst-case', node: process.version, cases }, null, 2)}\n`);

async function bestUs(worst: WorstCase, size: number): Promise<number> {
  const run = worst.make(size);
  for (const end = performance.now() + measureMs / 2; performance.now() < end;) await run();
  let best = Infinity;
  for (const end = performance.now() + measureMs; performance.now() < end;) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best * 1_000;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
