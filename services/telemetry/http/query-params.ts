import { GarrisonError } from '#proto/errors/index.ts';
import type { AttributeCondition, AuditQuery, StatsQuery } from '#services/telemetry/audit/audit-store.ts';
import { readTime } from './read-time.ts';

const defaultLimit = 100;
export const maxLimit = 1000;

const texts = ['decision', 'principal', 'workload', 'namespace', 'source', 'destination', 'policy'] as const;
const recordParams = [...texts, 'since', 'until', 'effect', 'revision', 'attribute', 'limit', 'before'];
const statsParams = ['since', 'namespace', 'workload', 'reporter'];

/** The parameters of `GET /audit/records`. */
export function readAuditQuery(params: URLSearchParams, nowMs: number): AuditQuery {
  refuseUnknown(params, recordParams, ['attribute']);
  const query: { -readonly [K in keyof AuditQuery]: AuditQuery[K] } = {
    limit: integer(params, 'limit', 1, maxLimit) ?? defaultLimit,
  };
  for (const name of texts) {
    const value = params.get(name);
    if (value !== null) query[name] = value;
  }
  const effect = oneOf(params, 'effect', ['allow', 'deny', 'unknown'] as const);
  if (effect !== undefined) query.effect = effect;
  const sinceMs = time(params, 'since', nowMs);
  if (sinceMs !== undefined) query.sinceMs = sinceMs;
  const untilMs = time(params, 'until', nowMs);
  if (untilMs !== undefined) query.untilMs = untilMs;
  const revision = integer(params, 'revision', 0, Number.MAX_SAFE_INTEGER);
  if (revision !== undefined) query.revision = revision;
  const before = integer(params, 'before', 1, Number.MAX_SAFE_INTEGER);
  if (before !== undefined) query.before = before;
  const attributes = params.getAll('attribute').map(attributeCondition);
  if (attributes.length > 0) query.attributes = attributes;
  return query;
}

/** The parameters of `GET /audit/stats`. */
export function readStatsQuery(params: URLSearchParams, nowMs: number): StatsQuery {
  refuseUnknown(params, statsParams, []);
  const sinceMs = time(params, 'since', nowMs);
  const namespace = params.get('namespace');
  const workload = params.get('workload');
  return {
    reporter: oneOf(params, 'reporter', ['inbound', 'outbound', 'all'] as const) ?? 'inbound',
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(namespace === null ? {} : { namespace }),
    ...(workload === null ? {} : { workload }),
  };
}

function refuseUnknown(params: URLSearchParams, known: readonly string[], repeatable: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of params.keys()) {
    if (!known.includes(name)) {
      throw new GarrisonError('INVALID_ARGUMENT', `there is no parameter \`${name}\``, {
        remedy: `use ${known.map((one) => `\`${one}\``).join(', ')}`,
      });
    }
    if (seen.has(name) && !repeatable.includes(name)) throw wrong(name, 'is given twice', 'give it once');
    seen.add(name);
  }
}

function integer(params: URLSearchParams, name: string, min: number, max: number): number | undefined {
  const text = params.get(name);
  if (text === null) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw wrong(name, `is \`${text}\``, `give a whole number from ${min} to ${max}`);
}

function oneOf<T extends string>(params: URLSearchParams, name: string, values: readonly T[]): T | undefined {
  const text = params.get(name);
  if (text === null) return undefined;
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw wrong(name, `is \`${text}\``, `give one of ${values.map((value) => `\`${value}\``).join(', ')}`);
}

function time(params: URLSearchParams, name: string, nowMs: number): number | undefined {
  const text = params.get(name);
  if (text === null) return undefined;
  const ms = readTime(text, nowMs);
  if (ms !== undefined) return ms;
  throw wrong(name, `is \`${text}\``, 'give a time as `2026-01-31T12:00:00Z`, or how long ago as `15m`, `2h` or `7d`');
}

function attributeCondition(text: string): AttributeCondition {
  // A map key may hold `=`: the name ends at the first one after its bracket.
  const match = /^([^=[\]]+(?:\[[^\]]+\])?)=(.*)$/s.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw wrong(
      'attribute',
      `is \`${text}\``,
      'write `name=value`, or `request.headers[x-user]=value` for one entry of a map',
    );
  }
  return { name: match[1], value: match[2] };
}

function wrong(name: string, what: string, remedy: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `parameter \`${name}\` ${what}`, { place: name, remedy });
}
