import type { AttributeBag, AttributeValue } from '#proto/attributes/index.ts';
import type { Action } from '#services/telemetry/report/action.ts';
import { attributeJson, shortened } from '#services/telemetry/report/attribute-json.ts';
import type { JsonValue } from '#services/telemetry/report/attribute-json.ts';
import { isSafe } from '#services/telemetry/report/read-attribute.ts';
import { attributePlaces } from './attribute-places.ts';
import type { AuditEntry, AuditRecord } from './audit-record.ts';

/** C2SP tlog-tiles frames an entry with a 16-bit length, so no record may be longer than this many bytes. */
export const longestRecord = 65_535;

export interface Receipt {
  readonly receivedMs: number;
  /** Whose certificate the report came with; absent on the local listener. */
  readonly reporter: string | undefined;
}

/** The record of one action, and its canonical bytes. */
export function recordOf(action: Action, bag: AttributeBag, receipt: Receipt): AuditEntry {
  const others = otherAttributes(bag);
  const entry = entryOf(action, others, receipt, undefined);
  return fits(entry.body) ? entry : shortenedEntry(action, others, receipt);
}

function entryOf(
  action: Action,
  others: Record<string, JsonValue>,
  receipt: Receipt,
  truncated: readonly string[] | undefined,
): AuditEntry {
  const record = build(action, others, receipt, truncated);
  const { receivedMs } = receipt;
  return { record, body: JSON.stringify(record), timeMs: action.time ?? receivedMs, receivedMs };
}

function build(
  action: Action,
  attributes: Record<string, JsonValue>,
  receipt: Receipt,
  truncated: readonly string[] | undefined,
): AuditRecord {
  const { source, destination } = action;
  return {
    attributes,
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

function otherAttributes(bag: AttributeBag): Record<string, JsonValue> {
  const named: [string, AttributeValue][] = [];
  for (const [name, value] of bag.entries()) {
    if (!hasPlace(name, value)) named.push([name, value]);
  }
  named.sort(([a], [b]) => (a < b ? -1 : 1));
  // Without a prototype a peer's attribute `__proto__` is one like any other.
  const json = Object.create(null) as Record<string, JsonValue>;
  for (const [name, value] of named) json[name] = attributeJson(name, value);
  return json;
}

function hasPlace(name: string, value: AttributeValue): boolean {
  return attributePlaces.get(name)?.type === typeof value && (typeof value !== 'bigint' || isSafe(value));
}

function fits(body: string): boolean {
  return body.length * 3 <= longestRecord || Buffer.byteLength(body) <= longestRecord;
}

/** Leaves out the longest attributes first until the record fits, and says which. */
function shortenedEntry(action: Action, others: Record<string, JsonValue>, receipt: Receipt): AuditEntry {
  const sizes = Object.keys(others)
    .map((name) => ({ name, size: Buffer.byteLength(JSON.stringify(others[name])) }))
    .sort((a, b) => b.size - a.size);
  const left: string[] = [];
  for (const { name } of sizes) {
    Reflect.deleteProperty(others, name);
    left.push(name.slice(0, 256));
    const entry = entryOf(action, others, receipt, left.toSorted());
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
  return entryOf(bare, {}, receipt, ['*']);
}
