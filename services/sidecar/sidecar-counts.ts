import { Allowance } from '#runtime/allowance.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Metrics } from '#runtime/metrics.ts';
import type { ResponseFlag } from './upstream-failure.ts';

export type Direction = 'inbound' | 'outbound';

/** Lines of one kind: what a peer brings about must not fill a disk. The metrics count every one. */
const lines = { burst: 20, perSecond: 1 } as const;

type Level = 'warn' | 'error';

/** What a sidecar tells its operator about itself, in metrics and, where something is wrong, in the log. */
export class SidecarCounts {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #allowances = new Map<string, Allowance>();
  readonly #decisions;
  readonly #refused;
  readonly #undecided;
  readonly #upstream;
  readonly #dropped;
  readonly #ended;

  constructor(metrics: Metrics, logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#decisions = metrics.counter('garrison_sidecar_requests_total', 'Requests by what was decided', [
      'direction',
      'effect',
    ]);
    this.#refused = metrics.counter('garrison_sidecar_refused_connections_total', 'Connections not let in', [
      'transport',
    ]);
    this.#undecided = metrics.counter('garrison_sidecar_undecided_total', 'Requests nobody could be asked about', [
      'effect',
    ]);
    this.#upstream = metrics.counter(
      'garrison_sidecar_upstream_failures_total',
      'Requests the other end did not answer',
      ['direction', 'flag'],
    );
    this.#ended = metrics.counter(
      'garrison_sidecar_ended_connections_total',
      'Open connections ended because the other end lost its identity',
      ['direction'],
    );
    this.#dropped = metrics.counter('garrison_sidecar_reports_dropped_total', 'Reports given up', ['reason']);
  }

  decided(direction: Direction, effect: 'allow' | 'deny'): void {
    this.#decisions.increment({ direction, effect });
  }

  refused(transport: string, fields: Readonly<Record<string, unknown>>): void {
    this.#refused.increment({ transport });
    this.#log('warn', 'connection refused', fields);
  }

  /** The application itself sent what cannot be read. */
  unreadable(reason: string): void {
    this.#log('warn', 'request of the application not readable', { reason });
  }

  /** The other end was somebody, and is nobody any more. */
  ended(direction: Direction, names: string | undefined, reason: string): void {
    this.#ended.increment({ direction });
    this.#log('warn', 'connection ended', { direction, peer: names, reason });
  }

  undecided(reason: string, passed: boolean, decision: string): void {
    this.#undecided.increment({ effect: passed ? 'allow' : 'deny' });
    this.#log('error', passed ? 'request passed undecided' : 'request refused undecided', { decision, reason });
  }

  /** Something of ours broke; the request it befell ended without an answer. */
  fault(error: unknown): void {
    this.#log('error', 'request could not be served', { error });
  }

  upstreamFailed(direction: Direction, flag: ResponseFlag, error: unknown): void {
    this.#upstream.increment({ direction, flag });
    if (flag !== 'DC') this.#log('warn', 'no answer from upstream', { direction, flag, error });
  }

  dropped(count: number, reason: string): void {
    this.#dropped.increment({ reason }, count);
    this.#log('warn', 'reports dropped', { count, reason });
  }

  #log(level: Level, event: string, fields: Readonly<Record<string, unknown>>): void {
    let allowance = this.#allowances.get(event);
    if (allowance === undefined) {
      allowance = new Allowance(this.#clock, lines);
      this.#allowances.set(event, allowance);
    }
    const skipped = allowance.take();
    if (skipped === undefined) return;
    this.#logger[level](event, skipped === 0 ? fields : { ...fields, unsaid: skipped });
  }
}
