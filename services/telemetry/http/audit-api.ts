import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { AuditStore, StoredRecord } from '#services/telemetry/audit/audit-store.ts';
import { readAuditQuery, readStatsQuery } from './query-params.ts';

/**
 * What the collector answers about the past, as JSON text:
 * `GET /audit/records` a page, newest first; `GET /audit/records/SEQUENCE` one record; `GET /audit/stats` who called whom.
 */
export async function answerAudit(url: URL, store: AuditStore, clock: Clock): Promise<string> {
  const nowMs = clock.now().getTime();
  if (url.pathname === '/audit/records') {
    const { records, next } = await store.query(readAuditQuery(url.searchParams, nowMs));
    return `{"records":[${records.map(recordJson).join(',')}],"next":${next ?? 'null'}}`;
  }
  if (url.pathname === '/audit/stats') {
    return JSON.stringify({ calls: await store.stats(readStatsQuery(url.searchParams, nowMs)) });
  }
  const one = /^\/audit\/records\/(\d{1,15})$/.exec(url.pathname);
  if (one === null) {
    throw new GarrisonError('NOT_FOUND', `there is nothing at \`${url.pathname}\``, {
      remedy: 'ask `/audit/records`, `/audit/records/SEQUENCE` or `/audit/stats`',
    });
  }
  const record = await store.get(Number(one[1]));
  if (record !== undefined) return recordJson(record);
  throw new GarrisonError('NOT_FOUND', `there is no record ${one[1] ?? ''}`, {
    remedy: 'it may be older than the retention; `/audit/records` has those there are',
  });
}

/** The canonical bytes with the number in front: `body` is an object and never an empty one. */
function recordJson({ sequence, body }: StoredRecord): string {
  return `{"sequence":${sequence},${body.slice(1)}`;
}
