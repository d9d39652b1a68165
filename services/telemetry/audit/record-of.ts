import type { AttributeBag, AttributeValue } from '#proto/attributes/index.ts';
import type { Action } from '#services/telemetry/report/action.ts';
import { attributeJson, objectText, shortened } from '#services/telemetry/report/attribute-json.ts';
import { isSafe } from '#services/telemetry/report/read-attribute.ts';
import { attributePlaces } from './attribute-places.ts';
import type { AuditEntry, AuditRecord } from './audit-record.ts';

/** How many attributes that were left out a record names; where there were more it says `*`. */
const maxNamed = 50;
/** C2SP tlog-tiles frames an entry with a 16-bit length, so no record may be longer than this many bytes. */
export const longestRecord = 65_535;

export interface Receipt {
  readonly receivedMs: number;
  /** Whose certificate the report came with; absent on the local listener. */
  readonly reporter: string | undefined;
}

/** Attributes by name, as JSON text. */
type Members = [name: string, json: string][];

/** The record of one action, and its canonical bytes. */
export function recordOf(action: Action, bag: AttributeBag, receipt: Receipt): AuditEntry {
  const others = otherAttributes(bag);
  const entry = entryOf(action, others, receipt, undefined);
  return fits(entry.body) ? entry : shortenedEntry(action, others, receipt);
}

function entryOf(
  action: Action,
  others: Members,
  receipt: Receipt,
  truncated: readonly string[] | undefined,
): AuditEntry {
  const record = build(action, receipt, truncated);
  const { receivedMs } = receipt;
  // `attributes` comes first in the order of names, so the rest can follow as it is.
  const body = `{"attributes":${objectText(others)},${JSON.stringify(record).slice(1)}`;
  return { record, body, timeMs: action.time ?? receivedMs, receivedMs };
}

function build(action: Action, receipt: Receipt, truncated: readonly string[] | undefined): AuditRecord {
  const { source, destination } = action;
  return {
    code: action.code,
    decision: short(action.decision),
    destination: {
      address: destination.address,
      namespace: short(destination.namespace),
      port: action.port,
      principal: short(destination.principal),
      service: short(action.service),
      workload: short(destination.workload),
    },
    durationMs: action.durationMs,
    effect: action.effect,
    failOpen: action.failOpen ? true : undefined,
    host: short(action.host),
    method: short(action.method),
    mtls: action.mtls,
    path: short(action.path),
    policy: short(action.policy),
    principal: short(source.principal),
    protocol: short(action.protocol),
    reason: short(action.reason),
    received: new Date(receipt.receivedMs).toISOString(),
    reporter: { kind: action.reporter, principal: receipt.reporter },
    requestId: short(action.requestId),
    revision: action.revision,
    rule: action.rule,
    source: { address: source.address, namespace: short(source.namespace), workload: short(source.workload) },
    time: new Date(action.time ?? receipt.receivedMs).toISOString(),
    trace: action.trace,
    truncated,
  };
}

function short(text: string | undefined): string | undefined {
  return text === undefined ? undefined : shortened(text);
}

function otherAttributes(bag: AttributeBag): Members {
  const members: Members = [];
  for (const [name, value] of bag.entries()) {
    if (!hasPlace(name, value)) members.push([shortened(name), attributeJson(name, value)]);
  }
  return members;
}

function hasPlace(name: string, value: AttributeValue): boolean {
  return attributePlaces.get(name)?.type === typeof value && (typeof value !== 'bigint' || isSafe(value));
}

function fits(body: string): boolean {
  return body.length * 3 <= longestRecord || Buffer.byteLength(body) <= longestRecord;
}

/** Leaves out the longest attributes first until the record fits, and says which. */
function shortenedEntry(action: Action, others: Members, receipt: Receipt): AuditEntry {
  const left = others.toSorted(([, a], [, b]) => a.length - b.length);
  const gone: string[] = [];
  for (let longest = left.pop(); longest !== undefined; longest = left.pop()) {
    gone.push(longest[0].slice(0, 256).toWellFormed());
    if (gone.length > maxNamed) break;
    const entry = entryOf(action, left, receipt, gone.toSorted());
    if (fits(entry.body)) return entry;
  }
  return bareEntry(action, receipt);
}

/** What is left when even the named fields are too long: their beginnings. */
function bareEntry(action: Action, receipt: Receipt): AuditEntry {
  const cut = (text: string | undefined): string | undefined => text?.slice(0, 1024).toWellFormed();
  const party = (side: Action['source']): Action['source'] => ({
    ...side,
    principal: cut(side.principal),
    namespace: cut(side.namespace),
    workload: cut(side.workload),
  });
  const bare: Action = {
    ...action,
    source: party(action.source),
    destination: party(action.destination),
    service: cut(action.service),
    protocol: cut(action.protocol),
    method: cut(action.method),
    path: cut(action.path),
    host: cut(action.host),
    requestId: cut(action.requestId),
    decision: cut(action.decision),
    policy: cut(action.policy),
    reason: cut(action.reason),
  };
  return entryOf(bare, [], receipt, ['*']);
}
