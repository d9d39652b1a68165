import type { Effect } from '#services/telemetry/report/action.ts';
import type { AuditRecord } from './audit-record.ts';
import type { CallStats } from './audit-store.ts';

/** How often one source met one fate at one destination. Empty text stands for what is not known. */
export interface CallCount {
  readonly principal: string;
  readonly sourceNamespace: string;
  readonly sourceWorkload: string;
  readonly destinationNamespace: string;
  readonly destinationWorkload: string;
  readonly effect: Effect;
  readonly policy: string;
  readonly failOpen: boolean;
  readonly count: number;
}

/** Whether a record is of a call at all: what the authority tells of its ledger names neither who called nor whom. */
export function isCall({ principal, source, destination }: AuditRecord): boolean {
  return [principal, source.namespace, source.workload, destination.namespace, destination.workload].some(
    (one) => one !== undefined,
  );
}

/** What a record counts as in `stats`. */
export function callOf(record: AuditRecord): CallCount {
  return {
    principal: record.principal ?? '',
    sourceNamespace: record.source.namespace ?? '',
    sourceWorkload: record.source.workload ?? '',
    destinationNamespace: record.destination.namespace ?? '',
    destinationWorkload: record.destination.workload ?? '',
    effect: record.effect,
    policy: record.policy ?? 'none',
    failOpen: record.failOpen === true,
    count: 1,
  };
}

type Mutable = { -readonly [K in 'allowed' | 'denied' | 'unknown' | 'failedOpen']: number } & {
  first: CallCount;
  denials: Map<string, number>;
};

/** Counts of one pair together, most calls first; ties in the order of names. */
export function summarizeCalls(counts: Iterable<CallCount>): CallStats[] {
  const pairs = new Map<string, Mutable>();
  for (const count of counts) {
    const key = JSON.stringify(pairOf(count));
    let pair = pairs.get(key);
    if (pair === undefined) {
      pair = { first: count, allowed: 0, denied: 0, unknown: 0, failedOpen: 0, denials: new Map() };
      pairs.set(key, pair);
    }
    add(pair, count);
  }
  const total = (pair: Mutable): number => pair.allowed + pair.denied + pair.unknown;
  return [...pairs]
    .sort(([a, left], [b, right]) => total(right) - total(left) || (a < b ? -1 : 1))
    .map(([, pair]) => present(pair));
}

function pairOf(count: CallCount): string[] {
  return [
    count.sourceNamespace,
    count.sourceWorkload,
    count.principal,
    count.destinationNamespace,
    count.destinationWorkload,
  ];
}

function add(pair: Mutable, count: CallCount): void {
  if (count.failOpen) pair.failedOpen += count.count;
  switch (count.effect) {
    case 'allow':
      pair.allowed += count.count;
      return;
    case 'deny':
      pair.denied += count.count;
      pair.denials.set(count.policy, (pair.denials.get(count.policy) ?? 0) + count.count);
      return;
    case 'unknown':
      pair.unknown += count.count;
      return;
    default:
      count.effect satisfies never;
  }
}

function present({ first, denials, ...counts }: Mutable): CallStats {
  const known = <K extends string>(key: K, value: string): { [key in K]?: string } =>
    value === '' ? {} : ({ [key]: value } as { [key in K]: string });
  return {
    ...known('principal', first.principal),
    source: { ...known('namespace', first.sourceNamespace), ...known('workload', first.sourceWorkload) },
    destination: {
      ...known('namespace', first.destinationNamespace),
      ...known('workload', first.destinationWorkload),
    },
    ...counts,
    denials: [...denials].map(([policy, count]) => ({ policy, count })).sort((a, b) => b.count - a.count),
  };
}
