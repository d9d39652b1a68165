import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

type Labels = Readonly<Record<string, string | number>>;

export interface CounterMetric {
  increment(labels?: Labels, by?: number): void;
}
export interface GaugeMetric {
  set(value: number, labels?: Labels): void;
}
export interface HistogramMetric {
  observe(value: number, labels?: Labels): void;
}

/** One process's metrics. Label values are few by construction: never an identity, a path or anything a caller chose. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #more: (() => string | Iterable<string> | AsyncIterable<string>)[] = [];

  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';

  counter(name: string, help: string, labelNames: readonly string[] = []): CounterMetric {
    const metric = new Counter({ name, help, labelNames, registers: [this.#registry] });
    return { increment: (labels = {}, by = 1) => metric.inc({ ...labels }, by) };
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): GaugeMetric {
    const metric = new Gauge({ name, help, labelNames, registers: [this.#registry] });
    return { set: (value, labels = {}) => metric.set({ ...labels }, value) };
  }

  /** A gauge whose value is asked for when somebody scrapes. */
  observedGauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect(): void {
        this.set(read());
      },
    });
  }

  histogram(
    name: string,
    help: string,
    labelNames: readonly string[] = [],
    buckets: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ): HistogramMetric {
    const metric = new Histogram({ name, help, labelNames, buckets: [...buckets], registers: [this.#registry] });
    return { observe: (value, labels = {}) => metric.observe({ ...labels }, value) };
  }

  /** Memory, event loop lag, garbage collection: once per process, by its composition root. */
  collectProcessMetrics(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Adds whole lines to what is scraped, for series that prom-client is too slow for (decision 15). */
  append(exposition: () => string | Iterable<string> | AsyncIterable<string>): void {
    this.#more.push(exposition);
  }

  /** What is scraped, piece by piece: nobody holds all of it at once. */
  async *stream(): AsyncGenerator<string, void, void> {
    yield await this.#registry.metrics();
    for (const more of this.#more) {
      const part = more();
      if (typeof part !== 'string') yield* part;
      else if (part !== '') yield part.endsWith('\n') ? part : `${part}\n`;
    }
  }

  async exposition(): Promise<string> {
    let text = '';
    for await (const part of this.stream()) text += part;
    return text;
  }
}
