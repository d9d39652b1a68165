import { checkGlobalWordCount, decodeReport } from '#proto/attributes/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { asGarrisonError } from '#proto/errors/index.ts';
import type { ReportRequest, ReportResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { Clock } from '#runtime/clock.ts';
import type { AuditEntry } from '#services/telemetry/audit/audit-record.ts';
import { recordOf } from '#services/telemetry/audit/record-of.ts';
import { readAction } from './action.ts';
import type { Action } from './action.ts';
import { authorizeReporter } from './authorize-reporter.ts';
import { authorizeLedgerEntry, isLedgerEntry } from './ledger-entry.ts';
import { faultsError } from './report-faults.ts';
import type { ElementFault } from './report-faults.ts';

export type ReportObserver = (action: Action, bag: AttributeBag) => void;

export interface ReportSinks {
  /** Durable: what it takes is kept, else it throws and nothing is. */
  readonly audit: { append(entries: readonly AuditEntry[]): Promise<void> };
  /** What follows is only ever told of actions that were kept. */
  readonly observers: readonly ReportObserver[];
  readonly counted: (outcome: 'kept' | 'refused', elements: number) => void;
  readonly clock: Clock;
}

/** A SPIFFE ID without its scheme; undefined for the local listener, whose callers may report anything. */
export type Reporter = string | undefined;

const done: ReportResponse = {};

/**
 * Takes a report: OK means that every element is on disk. Elements that cannot be read, or that the caller may not
 * report, are refused one by one in the final status while the others are kept; UNAVAILABLE and RESOURCE_EXHAUSTED mean
 * that nothing was kept and the report may be sent again.
 */
export async function takeReport(
  request: ReportRequest,
  reporter: Reporter,
  sinks: ReportSinks,
): Promise<ReportResponse> {
  checkGlobalWordCount(request.globalWordCount);
  const { elements, faults } = decodeReport(request);
  const receipt = { receivedMs: sinks.clock.now().getTime(), reporter };
  const entries: AuditEntry[] = [];
  const kept: { action: Action; bag: AttributeBag }[] = [];
  for (const { index, bag } of elements) {
    const action = readAction(bag);
    const fault = faultOf(action, bag, reporter, index);
    if (fault === undefined) {
      entries.push(recordOf(action, bag, receipt));
      // What the authority tells of its ledger is for the audit: it is no request that anybody served.
      if (!isLedgerEntry(bag)) kept.push({ action, bag });
    } else faults.push(fault);
  }
  await sinks.audit.append(entries);
  for (const { action, bag } of kept) for (const observe of sinks.observers) observe(action, bag);
  sinks.counted('kept', entries.length);
  if (faults.length === 0) return done;
  sinks.counted('refused', faults.length);
  throw faultsError(
    faults.sort((a, b) => a.index - b.index),
    request.attributes.length,
  );
}

function faultOf(action: Action, bag: AttributeBag, reporter: Reporter, index: number): ElementFault | undefined {
  if (reporter === undefined) return undefined;
  const place = `ReportRequest.attributes[${index}]`;
  try {
    authorizeReporter(action, bag, reporter, place);
    authorizeLedgerEntry(bag, reporter, place);
    return undefined;
  } catch (error) {
    return { index, error: asGarrisonError(error) };
  }
}
