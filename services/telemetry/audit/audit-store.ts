import type { Effect, ReporterKind } from '#services/telemetry/report/action.ts';
import type { AuditEntry } from './audit-record.ts';

/** Keeps records for good and answers questions about them. Adapters: SQLite, memory; one contract suite. */
export interface AuditStore extends AsyncDisposable {
  /**
   * Resolves when all of them are on disk, and rejects with UNAVAILABLE or RESOURCE_EXHAUSTED when none of them is:
   * a report that was acknowledged outlives a power cut, and one that was not may be sent again.
   */
  append(entries: readonly AuditEntry[]): Promise<void>;
  get(sequence: number): Promise<StoredRecord | undefined>;
  /** Newest first. */
  query(query: AuditQuery): Promise<AuditPage>;
  /** Who called whom, most calls first. */
  stats(query: StatsQuery): Promise<readonly CallStats[]>;
  /** Forgets what was received before that moment; the number of records forgotten. */
  prune(receivedBeforeMs: number): Promise<number>;
  /** Proves that it can write now, else rejects as `append` would. */
  probe(): Promise<void>;
}

export interface StoredRecord {
  /** Counts from 1 in the order of arrival, without gaps, never used twice. */
  readonly sequence: number;
  /** The record's canonical bytes. */
  readonly body: string;
}

export interface AuditPage {
  readonly records: readonly StoredRecord[];
  /** Ask again with this as `before` for the next page; undefined on the last one. */
  readonly next: number | undefined;
}

/** Every condition given must hold. */
export interface AuditQuery {
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly decision?: string;
  /** Who acted. */
  readonly principal?: string;
  /** Either end; a workload as `name` or `namespace/name`. */
  readonly workload?: string;
  readonly namespace?: string;
  readonly source?: string;
  readonly destination?: string;
  readonly effect?: Effect;
  /** `namespace/name`, or `none`. */
  readonly policy?: string;
  readonly revision?: number;
  readonly attributes?: readonly AttributeCondition[];
  readonly limit: number;
  /** Only records with a smaller sequence number. */
  readonly before?: number;
}

/** `name` is an attribute, or `name[key]` an entry of a string map. */
export interface AttributeCondition {
  readonly name: string;
  readonly value: string;
}

export interface StatsQuery {
  /** Counts what was received since; whole minutes. */
  readonly sinceMs?: number;
  readonly namespace?: string;
  readonly workload?: string;
  readonly reporter: ReporterKind | 'all';
}

export interface CallStats {
  /** Who called; absent where no certificate was shown. */
  readonly principal?: string;
  readonly source: { readonly namespace?: string; readonly workload?: string };
  readonly destination: { readonly namespace?: string; readonly workload?: string };
  readonly allowed: number;
  readonly denied: number;
  readonly unknown: number;
  readonly failedOpen: number;
  readonly denials: readonly { readonly policy: string; readonly count: number }[];
}
