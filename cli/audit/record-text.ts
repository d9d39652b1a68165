import { printable } from '../printable.ts';
import { ledgerText } from './ledger-text.ts';

/** A record as the collector sends it; what is not known is not there. */
export interface ShownRecord {
  readonly sequence: number;
  readonly time: string;
  readonly received?: string;
  readonly effect: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly decision?: string;
  readonly policy?: string;
  readonly rule?: number;
  readonly revision?: number;
  readonly reason?: string;
  readonly failOpen?: boolean;
  readonly principal?: string;
  readonly source?: { readonly namespace?: string; readonly workload?: string; readonly address?: string };
  readonly destination?: {
    readonly namespace?: string;
    readonly workload?: string;
    readonly service?: string;
    readonly principal?: string;
  };
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly protocol?: string;
  readonly code?: number;
  readonly durationMs?: number;
  readonly mtls?: boolean;
  readonly trace?: string;
  readonly requestId?: string;
  readonly reporter?: { readonly kind?: string; readonly principal?: string };
}

const fates: Readonly<Record<string, string>> = { allow: 'allowed', deny: 'DENIED' };

/** Two lines: what happened between whom, and why. */
export function recordText(record: ShownRecord): string {
  const ledger = ledgerText(record);
  if (ledger !== undefined) return ledger;
  const { time, effect, method, host = '', path = '', code, decision, failOpen } = record;
  const fate = failOpen === true ? 'FAILED OPEN' : (fates[effect] ?? 'unknown');
  const what = method === undefined ? (record.protocol ?? '') : `${method} ${host}${path}`;
  const status = code === undefined ? '' : `  ${code}`;
  const id = decision === undefined ? '' : `  [${decision}]`;
  return [
    printable(`${time}  ${fate.padEnd(7)}  ${callerOf(record)} → ${calledOf(record)}  ${what}${status}`),
    printable(`    ${whyOf(record)}${id}`),
  ].join('\n');
}

/** Everything there is about one record, a line each. */
export function recordDetails(record: ShownRecord): string {
  const facts: [string, unknown][] = [
    ['caller', record.principal ?? 'no certificate'],
    ['callee', record.destination?.principal],
    ['service', record.destination?.service],
    ['mtls', record.mtls],
    ['took', record.durationMs === undefined ? undefined : `${record.durationMs} ms`],
    ['request', record.requestId],
    ['trace', record.trace],
    ['reported', `${record.reporter?.kind ?? ''} by ${record.reporter?.principal ?? 'a tool on the collector’s host'}`],
    ['record', record.sequence],
    ...Object.entries(record.attributes ?? {}),
  ];
  const known = facts.filter(([, value]) => value !== undefined);
  const width = Math.max(...known.map(([name]) => name.length));
  const lines = known.map(([name, value]) => printable(`    ${name.padEnd(width)}  ${textOf(value)}`));
  return [recordText(record), ...lines].join('\n');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function whyOf({ policy, rule, revision, reason }: ShownRecord): string {
  const by = policy === undefined || policy === 'none' ? 'no policy' : policy;
  const which = rule === undefined ? '' : ` rule ${rule}`;
  const when = revision === undefined ? '' : `, revision ${revision}`;
  return `${by}${which}${when}${reason === undefined ? '' : `: ${reason}`}`;
}

export function callerOf({ principal, source }: Pick<ShownRecord, 'principal' | 'source'>): string {
  if (source?.workload !== undefined) return workloadText(source.namespace, source.workload);
  if (principal !== undefined) return principal;
  return source?.address === undefined ? 'anonymous' : `anonymous (${source.address})`;
}

export function calledOf({ destination }: Pick<ShownRecord, 'destination'>): string {
  if (destination?.workload !== undefined) return workloadText(destination.namespace, destination.workload);
  return destination?.service ?? destination?.principal ?? destination?.namespace ?? '?';
}

function workloadText(namespace: string | undefined, workload: string): string {
  return namespace === undefined ? workload : `${namespace}/${workload}`;
}
