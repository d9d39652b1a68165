import type { Action } from '#services/telemetry/report/action.ts';
import { Histogram } from './histogram.ts';
import { labelNames, labelsOf } from './labels.ts';
import { HostFallback } from './service-names.ts';
import { renderHead, renderLabels, renderNumber } from './text-format.ts';

export interface IstioMetricsOptions {
  readonly monotonicMs: () => number;
  /** Most label sets; every further one is counted in the overflow series. */
  readonly maxSeries: number;
  /** A label set that nothing was counted for so long is forgotten. */
  readonly idleMs: number;
  /** Whether request and response sizes have histograms: two thirds of all series. */
  readonly bytes: boolean;
  readonly cluster: string;
}

interface Series {
  readonly labels: string;
  requests: number;
  readonly duration: Histogram;
  readonly requestBytes: Histogram | undefined;
  readonly responseBytes: Histogram | undefined;
  usedMs: number;
}

/** How many hosts outside the service documents may have series of their own. */
const maxUnknownHosts = 200;
/** Series rendered into one piece of text. */
const renderSlice = 50;

/** Istio's standard metrics, made of reports. Label text is rendered once, when a label set is first seen. */
export class IstioMetrics {
  readonly #options: IstioMetricsOptions;
  readonly #series = new Map<string, Series>();
  readonly #hosts = new HostFallback(maxUnknownHosts);
  #overflow: Series | undefined;
  #overflowed = 0;
  #expired = 0;
  #nextSweepMs: number;

  constructor(options: IstioMetricsOptions) {
    this.#options = options;
    this.#nextSweepMs = options.monotonicMs() + options.idleMs;
  }

  /** How much is kept and what was left out, for the process's own metrics. */
  get state(): { series: number; overflowed: number; expired: number } {
    return { series: this.#series.size, overflowed: this.#overflowed, expired: this.#expired };
  }

  record(action: Action): void {
    const nowMs = this.#options.monotonicMs();
    if (nowMs >= this.#nextSweepMs) this.#sweep(nowMs);
    const series = this.#seriesOf(action);
    series.usedMs = nowMs;
    series.requests++;
    if (action.durationMs !== undefined && action.durationMs >= 0) series.duration.observe(action.durationMs);
    if (action.requestBytes !== undefined) series.requestBytes?.observe(action.requestBytes);
    if (action.responseBytes !== undefined) series.responseBytes?.observe(action.responseBytes);
  }

  /** Text format 0.0.4, in pieces: a scrape never needs all of it in memory at once. */
  *render(): Generator<string> {
    this.#sweep(this.#options.monotonicMs());
    const all = [...this.#series.values(), ...(this.#overflow === undefined ? [] : [this.#overflow])];
    yield renderHead('istio_requests_total', 'counter', 'requests, counted when their response ended');
    yield* slices(all, ({ labels, requests }) => `istio_requests_total{${labels}} ${renderNumber(requests)}\n`);
    const histograms = [
      ['istio_request_duration_milliseconds', 'time from request to end of response', (one: Series) => one.duration],
      ['istio_request_bytes', 'size of requests', (one: Series) => one.requestBytes],
      ['istio_response_bytes', 'size of responses', (one: Series) => one.responseBytes],
    ] as const;
    for (const [name, help, pick] of histograms) {
      if (name !== 'istio_request_duration_milliseconds' && !this.#options.bytes) continue;
      yield renderHead(name, 'histogram', help);
      yield* slices(all, (one) => pick(one)?.render(name, one.labels) ?? '');
    }
  }

  #seriesOf(action: Action): Series {
    const values = labelsOf(action, {
      cluster: this.#options.cluster,
      serviceOfHost: (host) => this.#hosts.serviceOf(host),
    });
    const key = values.join('\0');
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size < this.#options.maxSeries) {
      const created = this.#create(values);
      this.#series.set(key, created);
      return created;
    }
    this.#overflowed++;
    this.#overflow ??= this.#create(labelNames.map(() => 'overflow'));
    return this.#overflow;
  }

  #create(values: readonly string[]): Series {
    const bytes = this.#options.bytes;
    return {
      labels: renderLabels(labelNames, values),
      requests: 0,
      duration: new Histogram(),
      requestBytes: bytes ? new Histogram() : undefined,
      responseBytes: bytes ? new Histogram() : undefined,
      usedMs: 0,
    };
  }

  #sweep(nowMs: number): void {
    this.#nextSweepMs = nowMs + Math.max(1000, this.#options.idleMs / 4);
    for (const [key, series] of this.#series) {
      if (nowMs - series.usedMs < this.#options.idleMs) continue;
      this.#series.delete(key);
      this.#expired++;
    }
  }
}

function* slices(all: readonly Series[], render: (one: Series) => string): Generator<string> {
  for (let i = 0; i < all.length; i += renderSlice) {
    let text = '';
    for (const one of all.slice(i, i + renderSlice)) text += render(one);
    yield text;
  }
}
