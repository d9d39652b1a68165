import type { EntryFilter, JwtFilter } from './port.ts';

type Value = string | number | Buffer;

export interface Conditions {
  /** `WHERE …` with a `?` for each value, or nothing. */
  readonly sql: string;
  readonly values: readonly Value[];
}

/** Of intents `i` and their outcomes `o`. */
export function entryConditions(filter: EntryFilter): Conditions {
  return conditions({
    'i.spiffe_id = ?': filter.spiffeId,
    'i.caller = ?': filter.caller,
    [`coalesce(o.state, 'intended') = ?`]: filter.state,
    'i.issuer_key_id = ?': hex(filter.issuerKeyId),
    'i.requested_at >= ?': filter.from?.getTime(),
    'i.requested_at < ?': filter.to?.getTime(),
    'i.number < ?': filter.before,
  });
}

export function jwtConditions(filter: JwtFilter): Conditions {
  return conditions({
    'spiffe_id = ?': filter.spiffeId,
    'key_id = ?': filter.keyId,
    'caller = ?': filter.caller,
    'token_hash = ?': hex(filter.tokenHash),
    'issued_at >= ?': filter.from?.getTime(),
    'issued_at < ?': filter.to?.getTime(),
    'number < ?': filter.before,
  });
}

function hex(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : Buffer.from(text, 'hex');
}

function conditions(filter: Readonly<Record<string, Value | undefined>>): Conditions {
  const given = Object.entries(filter).flatMap(([sql, value]) => (value === undefined ? [] : [{ sql, value }]));
  const sql = given.length === 0 ? '' : `WHERE ${given.map((one) => one.sql).join(' AND ')}`;
  return { sql, values: given.map(({ value }) => value) };
}
