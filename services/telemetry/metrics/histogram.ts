import { renderNumber } from './text-format.ts';

/** Envoy's buckets, which Istio's dashboards and Kiali's quantiles are made for: milliseconds and bytes alike. */
export const istioBuckets: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

const bucketEnds = [...istioBuckets, Infinity];
const bucketLabels = bucketEnds.map((end) => `,le="${renderNumber(end)}"} `);

/** Counts of one series: how many fell into each bucket (not cumulative), and their sum. */
export class Histogram {
  readonly #counts = new Float64Array(bucketEnds.length);
  #sum = 0;

  observe(value: number): void {
    let bucket = 0;
    while (value > (bucketEnds[bucket] ?? Infinity)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  /** Series lines; buckets are cumulative in the text format. */
  render(name: string, labels: string): string {
    let text = '';
    let total = 0;
    for (let i = 0; i < bucketLabels.length; i++) {
      total += this.#counts[i] ?? 0;
      text += `${name}_bucket{${labels}${bucketLabels[i] ?? ''}${total}\n`;
    }
    return `${text}${name}_sum{${labels}} ${renderNumber(this.#sum)}\n${name}_count{${labels}} ${total}\n`;
  }
}
