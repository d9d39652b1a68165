import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { newSerial } from '#ca/issue/serial.ts';

/** Identities that certificates are spread over: as many workloads as the largest published SPIRE deployment sizing. */
export const workloads = 10_000;
const perSecond = 100;

export const workloadId = (index: number): string =>
  `spiffe://cluster.local/ns/ns-${index % 100}/sa/workload-${index % workloads}`;

/**
 * What a ledger holds after so many certificates, asked for in random order over the past, in rows as the ledger writes
 * them; of the certificates themselves only a few bytes, since nothing is ever looked up by them.
 */
export function fillLedger(database: DatabaseSync, count: number): void {
  database.exec('PRAGMA cache_size = -300000; PRAGMA wal_autocheckpoint = 20000');
  const intent = database.prepare(`INSERT INTO intents (serial, profile, spiffe_id, dns_names, not_before, not_after,
    issuer_key_id, public_key_hash, tbs_hash, caller, authority_grant, requested_at)
    VALUES (?, 'leaf', ?, '', ?, ?, ?, ?, ?, ?, 'registration:a/b', ?)`);
  const outcome = database.prepare(
    `INSERT INTO outcomes (number, state, certificate, reason, concluded_at) VALUES (?, 'issued', x'00', NULL, ?)`,
  );
  const issuer = Buffer.alloc(20, 0xab);
  const start = Date.now() - (count / perSecond) * 1000;
  for (let done = 0; done < count;) {
    database.exec('BEGIN');
    for (const end = Math.min(count, done + 50_000); done < end; done += 1) {
      const at = Math.floor(start + (done / perSecond) * 1000);
      const id = workloadId(Math.floor(Math.random() * workloads));
      const caller = `svid:${newSerial(1, new Date(at - 1_800_000), randomBytes)}`;
      const serial = Buffer.from(newSerial(1, new Date(at), randomBytes), 'hex');
      const hashes = [randomBytes(32), randomBytes(32)] as const;
      const { lastInsertRowid } = intent.run(serial, id, at, at + 3_600_000, issuer, ...hashes, caller, at);
      outcome.run(lastInsertRowid, at);
    }
    database.exec('COMMIT');
  }
  // As the ledger notes every ten thousand: what a start after a crash need not look at.
  database.exec(`INSERT INTO counters VALUES ('settled', ${Math.max(0, count - 10_000)})`);
  database.exec('PRAGMA cache_size = -2000; PRAGMA wal_autocheckpoint = 1000; PRAGMA wal_checkpoint(TRUNCATE)');
}
