import { GarrisonError } from '#proto/errors/index.ts';
import { MapBag } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { readAddresses } from '#runtime/addresses-file.ts';
import { readConfig } from '#runtime/config/config.ts';
import { attributePlaces } from '#services/telemetry/audit/attribute-places.ts';
import { parseAttributes } from '../attribute-flags.ts';
import { askCollector, collectorAddress } from '../audit/collector.ts';
import type { ShownRecord } from '../audit/record-text.ts';
import type { Surroundings } from './explain-policies.ts';

/** A decision that was made, as far as the audit keeps it. */
export interface PastDecision {
  readonly record: ShownRecord;
  readonly bag: MapBag;
  /** What the record does not hold of the request, one line each. */
  readonly gaps: readonly string[];
}

interface Where extends Surroundings {
  readonly server: string | undefined;
  readonly config: string | undefined;
}

export async function readDecision(id: string, { server, config, env, cwd }: Where): Promise<PastDecision> {
  const address = collectorAddress({ flags: { server, config }, env, cwd });
  const params = new URLSearchParams({ decision: id, limit: '10' });
  const { records } = (await askCollector(address, '/audit/records', params)) as { records: readonly ShownRecord[] };
  // Caller and callee may both have told of it; the callee is the one who asked.
  const record = records.find(({ reporter }) => reporter?.kind === 'inbound') ?? records[0];
  if (record !== undefined) return { record, ...bagOfRecord(record) };
  throw new GarrisonError('NOT_FOUND', `there is no record of decision \`${id}\``, {
    place: '--decision',
    remedy: 'it may not have been reported yet, or be older than the retention',
  });
}

/** The request of a record, put together again. Credentials are never kept, so a token cannot be verified once more. */
export function bagOfRecord(record: ShownRecord): { bag: MapBag; gaps: string[] } {
  const values = new Map<string, AttributeValue>();
  const gaps: string[] = [];
  const add = (name: string, value: unknown): void => {
    try {
      for (const [key, each] of parseAttributes(flagsOf(name, value, gaps)).entries()) values.set(key, each);
    } catch {
      gaps.push(`attribute \`${name}\` is kept in another form than it had, and left out`);
    }
  };
  for (const [name, { path: steps }] of attributePlaces) {
    if (isLater(name)) continue;
    const value = steps.reduce<unknown>(stepInto, record);
    if (value !== undefined && value !== null) add(name, value);
  }
  for (const [name, value] of Object.entries(record.attributes ?? {})) if (!isLater(name)) add(name, value);
  return { bag: new MapBag(values), gaps };
}

/** What nobody knew yet when it was decided. */
function isLater(name: string): boolean {
  return /^(response|check|garrison\.decision)\./.test(name);
}

const redacted = '[redacted]';

function flagsOf(name: string, value: unknown, gaps: string[]): string[] {
  if (typeof value !== 'object' || value === null) return [`${name}=${String(value)}`];
  return Object.entries(value).flatMap(([key, each]) => {
    if (typeof each === 'string' && !each.includes(redacted)) return [`${name}[${key}]=${each}`];
    gaps.push(`\`${key}\` of ${name} was a credential, which the audit does not keep: it is left out`);
    return [];
  });
}

function stepInto(value: unknown, step: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[step] : undefined;
}

/** The number of the revision in force, where the running mesh can be asked. */
export async function currentRevision(config: string | undefined, at: Surroundings): Promise<number | undefined> {
  const { state } = readConfig({ path: config, ...at });
  try {
    const admin = readAddresses(state).get('authzAdmin');
    if (admin === undefined) return undefined;
    const page = await askCollector(admin, '/revision', new URLSearchParams());
    const { revision } = page as { revision?: unknown };
    return typeof revision === 'number' ? revision : undefined;
  } catch {
    // A mesh that does not run has no revision in force: the documents are explained with all the same.
    return undefined;
  }
}
