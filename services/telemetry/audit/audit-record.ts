import type { Effect, ReporterKind } from '#services/telemetry/report/action.ts';

/**
 * The named facts that the audit keeps of one action; every other attribute stands beside them in the record's bytes,
 * under `attributes`. Absent facts are absent keys. Keys stand in the order of RFC 8785.
 */
export interface AuditRecord {
  readonly code: number | undefined;
  readonly decision: string | undefined;
  readonly destination: {
    readonly address: string | undefined;
    readonly namespace: string | undefined;
    readonly port: number | undefined;
    readonly principal: string | undefined;
    readonly service: string | undefined;
    readonly workload: string | undefined;
  };
  readonly durationMs: number | undefined;
  readonly effect: Effect;
  /** Only ever true: let through because nobody could be asked. */
  readonly failOpen: true | undefined;
  readonly host: string | undefined;
  readonly method: string | undefined;
  readonly mtls: boolean;
  readonly path: string | undefined;
  readonly policy: string | undefined;
  /** Who acted: the caller's SPIFFE ID without its scheme. */
  readonly principal: string | undefined;
  readonly protocol: string | undefined;
  readonly reason: string | undefined;
  /** When the collector took it, by the collector's clock. */
  readonly received: string;
  readonly reporter: {
    readonly kind: ReporterKind;
    /** Whose certificate vouches for this record; absent on the local listener. */
    readonly principal: string | undefined;
  };
  readonly requestId: string | undefined;
  readonly revision: number | undefined;
  readonly rule: number | undefined;
  readonly source: {
    readonly address: string | undefined;
    readonly namespace: string | undefined;
    readonly workload: string | undefined;
  };
  /** When it happened, by the reporter's clock. */
  readonly time: string;
  readonly trace: string | undefined;
  /** Attributes that were left out because the record would have been too long. */
  readonly truncated: readonly string[] | undefined;
}

/** A record with the bytes that are kept, and that a log of records is built over: RFC 8785 JSON in UTF-8. */
export interface AuditEntry {
  readonly record: AuditRecord;
  /** `record.time` and `record.received` as numbers. */
  readonly timeMs: number;
  readonly receivedMs: number;
  readonly body: string;
}
