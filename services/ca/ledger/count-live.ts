import type { SQLInputValue } from 'node:sqlite';
import type { LiveCount } from './port.ts';
import { readLive, type Row } from './rows.ts';

/** Left to itself SQLite takes the index that spares it the grouping, and with that reads everything. */
const all = `
  SELECT issuer_key_id, count(*) AS leaves FROM intents INDEXED BY leaves_by_end
  WHERE profile = 'leaf' AND not_after >= ? GROUP BY issuer_key_id`;

/** CROSS: from the few to their intents, never the other way round. */
const out = `
  SELECT i.issuer_key_id, count(*) AS leaves
  FROM (SELECT number FROM outcomes WHERE state = 'failed' UNION SELECT number FROM revocations)
    CROSS JOIN intents i USING (number)
  WHERE i.profile = 'leaf' AND i.not_after >= ? GROUP BY i.issuer_key_id`;

/**
 * Counts from an index in the order of ends, which holds what lives in one piece, so that a dashboard may ask a ledger of
 * ten million: all of them, less the few that failed or are revoked.
 */
export function countLive(rows: (sql: string, ...values: SQLInputValue[]) => Row[], at: Date): LiveCount[] {
  const counts = new Map<string, number>();
  const add = (sql: string, sign: 1 | -1): void => {
    for (const { issuerKeyId, leaves } of rows(sql, at.getTime()).map(readLive)) {
      counts.set(issuerKeyId, (counts.get(issuerKeyId) ?? 0) + sign * leaves);
    }
  };
  add(all, 1);
  add(out, -1);
  return [...counts].flatMap(([issuerKeyId, leaves]) => (leaves > 0 ? [{ issuerKeyId, leaves }] : []));
}
