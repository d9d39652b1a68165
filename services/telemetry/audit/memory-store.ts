import type { AuditEntry, AuditRecord } from './audit-record.ts';
import type { AuditPage, AuditQuery, AuditStore, CallStats, StatsQuery, StoredRecord } from './audit-store.ts';
import { callOf, isCall, summarizeCalls } from './call-stats.ts';
import { jsonConditionOf, minuteOf, principalAsKept, splitWorkload } from './conditions.ts';

type Kept = StoredRecord & AuditEntry;

/** Records for as long as the process lives: for tests and for tools that look at one report. */
export class MemoryAuditStore implements AuditStore {
  #kept: Kept[] = [];
  #last = 0;

  append(entries: readonly AuditEntry[]): Promise<void> {
    for (const entry of entries) this.#kept.push({ ...entry, sequence: ++this.#last });
    return Promise.resolve();
  }

  get(sequence: number): Promise<StoredRecord | undefined> {
    const kept = this.#kept.find((one) => one.sequence === sequence);
    return Promise.resolve(kept === undefined ? undefined : { sequence, body: kept.body });
  }

  query(query: AuditQuery): Promise<AuditPage> {
    const { before = Infinity, limit } = query;
    const found = this.#kept
      .filter((kept) => kept.sequence < before && matches(kept, query))
      .reverse()
      .map(({ sequence, body }) => ({ sequence, body }));
    const records = found.slice(0, limit);
    return Promise.resolve({ records, next: found.length > limit ? records.at(-1)?.sequence : undefined });
  }

  stats(query: StatsQuery): Promise<readonly CallStats[]> {
    const since = minuteOf(query.sinceMs ?? 0);
    const counted = this.#kept.filter(
      ({ record, receivedMs }) =>
        isCall(record) &&
        minuteOf(receivedMs) >= since &&
        (query.reporter === 'all' || record.reporter.kind === query.reporter) &&
        touchesNamespace(record, query.namespace) &&
        touchesWorkload(record, query.workload),
    );
    return Promise.resolve(summarizeCalls(counted.map(({ record }) => callOf(record))));
  }

  prune(receivedBeforeMs: number): Promise<number> {
    const all = this.#kept.length;
    this.#kept = this.#kept.filter(({ receivedMs }) => receivedMs >= receivedBeforeMs);
    return Promise.resolve(all - this.#kept.length);
  }

  probe(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function matches({ record, body, timeMs }: Kept, query: AuditQuery): boolean {
  return (
    timeMs >= (query.sinceMs ?? -Infinity) &&
    timeMs <= (query.untilMs ?? Infinity) &&
    equals(record.decision, query.decision) &&
    equals(record.principal, query.principal === undefined ? undefined : principalAsKept(query.principal)) &&
    equals(record.effect, query.effect) &&
    equals(record.policy, query.policy) &&
    equals(record.revision, query.revision) &&
    touchesNamespace(record, query.namespace) &&
    touchesWorkload(record, query.workload) &&
    isWorkload(record.source, query.source) &&
    isWorkload(record.destination, query.destination) &&
    (query.attributes ?? []).every((condition) => {
      const { path, texts } = jsonConditionOf(condition);
      const text = JSON.stringify(valueAt(JSON.parse(body), path)) as string | undefined;
      return text !== undefined && texts.includes(text);
    })
  );
}

function equals<T>(value: T | undefined, wanted: T | undefined): boolean {
  return wanted === undefined || value === wanted;
}

type Side = { readonly namespace: string | undefined; readonly workload: string | undefined };

function isWorkload(side: Side, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  const { namespace, name } = splitWorkload(wanted);
  return side.workload === name && equals(side.namespace, namespace);
}

function touchesWorkload(record: AuditRecord, wanted: string | undefined): boolean {
  return isWorkload(record.source, wanted) || isWorkload(record.destination, wanted);
}

function touchesNamespace(record: AuditRecord, wanted: string | undefined): boolean {
  return equals(record.source.namespace, wanted) || equals(record.destination.namespace, wanted);
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
