import type { SQLInputValue } from 'node:sqlite';
import type { LiveCount } from './port.ts';
import type { Row } from './rows.ts';

/** No leaf lives longer (profiles.ts: seven days, and an hour of back-dating); what was asked for earlier has ended. */
const longestLifeMs = 8 * 86_400_000;

/**
 * Counts from indexes alone, so that a dashboard may ask a ledger of ten million: all that one issuer signed and has not
 * ended, less the few of them that are no leaves, failed or are revoked.
 */
export function countLive(rows: (sql: string, ...values: SQLInputValue[]) => Row[], at: Date): LiveCount[] {
  const now = at.getTime();
  const [first] = rows(
    'SELECT number FROM intents WHERE requested_at >= ? ORDER BY requested_at, number LIMIT 1',
    now - longestLifeMs,
  );
  if (first === undefined) return [];
  // Numbers grow with time but for requests that crossed each other: a little earlier costs nothing.
  const from = Math.max(0, Number(first['number']) - 10_000);
  return issuers(rows).flatMap((issuer) => {
    const all = rows(
      'SELECT count(*) AS n FROM intents WHERE issuer_key_id = ? AND number >= ? AND not_after >= ?',
      issuer,
      from,
      now,
    );
    const out = rows(
      `SELECT count(*) AS n FROM (
         SELECT number FROM intents WHERE profile <> 'leaf'
         UNION SELECT number FROM outcomes WHERE state = 'failed'
         UNION SELECT number FROM revocations
       ) JOIN intents i USING (number) WHERE i.issuer_key_id = ? AND number >= ? AND i.not_after >= ?`,
      issuer,
      from,
      now,
    );
    const leaves = Number(all[0]?.['n']) - Number(out[0]?.['n']);
    return leaves > 0 ? [{ issuerKeyId: Buffer.from(issuer).toString('hex'), leaves }] : [];
  });
}

/** The different issuers, by one step in the index for each: DISTINCT would read all of it. */
function issuers(rows: (sql: string, ...values: SQLInputValue[]) => Row[]): Uint8Array[] {
  const found: Uint8Array[] = [];
  let last: Uint8Array = new Uint8Array(0);
  for (;;) {
    const [row] = rows('SELECT min(issuer_key_id) AS id FROM intents WHERE issuer_key_id > ?', last);
    const id = row?.['id'];
    if (!(id instanceof Uint8Array)) return found;
    found.push(id);
    last = id;
  }
}
