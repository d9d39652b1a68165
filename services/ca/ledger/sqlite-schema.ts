import type { DatabaseSync } from 'node:sqlite';
import { GarrisonError } from '#proto/errors/index.ts';

/**
 * Intents and outcomes are appended, never rewritten: a row that said what would be signed still says so afterwards.
 * Serials grow with time, so their index is appended to as well and stays cheap at ten million rows.
 */
const first = `
  CREATE TABLE intents (
    number INTEGER PRIMARY KEY,
    serial BLOB NOT NULL UNIQUE,
    profile TEXT NOT NULL,
    spiffe_id TEXT NOT NULL,
    dns_names TEXT NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    issuer_key_id BLOB NOT NULL,
    public_key_hash BLOB NOT NULL,
    tbs_hash BLOB NOT NULL,
    caller TEXT NOT NULL,
    authority_grant TEXT NOT NULL,
    requested_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX intents_by_id ON intents (spiffe_id, number);
  CREATE INDEX intents_by_caller ON intents (caller, number);
  CREATE INDEX intents_by_time ON intents (requested_at, number);
  CREATE TABLE outcomes (
    number INTEGER PRIMARY KEY REFERENCES intents (number),
    state TEXT NOT NULL,
    certificate BLOB,
    reason TEXT,
    concluded_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE revocations (
    number INTEGER PRIMARY KEY REFERENCES intents (number),
    reason TEXT NOT NULL,
    revoked_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    spiffe_id TEXT NOT NULL,
    dns_names TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    redeemed_at INTEGER
  ) STRICT;
  CREATE TABLE authorities (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    root BLOB NOT NULL,
    issuing BLOB NOT NULL,
    jwt_key BLOB NOT NULL,
    since INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
  INSERT INTO counters VALUES ('bundle sequence', 0);
`;

/**
 * Outcomes and revocations get positions, in the order of which others are told of them; who uses which issuer is
 * counted from an index; JWT-SVIDs are recorded.
 */
const second = `
  ALTER TABLE outcomes RENAME TO outcomes_before;
  CREATE TABLE outcomes (
    position INTEGER PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE REFERENCES intents (number),
    state TEXT NOT NULL,
    certificate BLOB,
    reason TEXT,
    concluded_at INTEGER NOT NULL
  ) STRICT;
  INSERT INTO outcomes (number, state, certificate, reason, concluded_at)
    SELECT number, state, certificate, reason, concluded_at FROM outcomes_before ORDER BY number;
  DROP TABLE outcomes_before;
  ALTER TABLE revocations RENAME TO revocations_before;
  CREATE TABLE revocations (
    position INTEGER PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE REFERENCES intents (number),
    reason TEXT NOT NULL,
    revoked_at INTEGER NOT NULL
  ) STRICT;
  INSERT INTO revocations (number, reason, revoked_at)
    SELECT number, reason, revoked_at FROM revocations_before ORDER BY revoked_at, number;
  DROP TABLE revocations_before;
  CREATE INDEX intents_by_issuer ON intents (issuer_key_id, number, not_after);
  CREATE INDEX intents_for_authorities ON intents (number) WHERE profile <> 'leaf';
  CREATE INDEX outcomes_failed ON outcomes (number) WHERE state = 'failed';
  CREATE TABLE jwts (
    number INTEGER PRIMARY KEY,
    spiffe_id TEXT NOT NULL,
    audience TEXT NOT NULL,
    key_id TEXT NOT NULL,
    token_hash BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    caller TEXT NOT NULL,
    authority_grant TEXT NOT NULL
  ) STRICT;
  CREATE INDEX jwts_by_id ON jwts (spiffe_id, number);
  CREATE INDEX jwts_by_time ON jwts (issued_at, number);
`;

/** What lives is counted from an index that holds it in one piece: the one before had to be read back over eight days. */
const third = `
  DROP INDEX intents_by_issuer;
  DROP INDEX intents_for_authorities;
  CREATE INDEX intents_by_issuer ON intents (issuer_key_id, number);
  CREATE INDEX leaves_by_end ON intents (not_after, issuer_key_id) WHERE profile = 'leaf';
`;

/** The schema is what these make, one after the other: a new ledger and one that was brought forward are the same. */
export const ledgerSteps: readonly string[] = [first, second, third];

/** Makes an empty ledger, or brings an older one forward: whole or not at all. */
export function createSchema(database: DatabaseSync): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (found === ledgerSteps.length) return;
  if (found > ledgerSteps.length) throw newerLedger(found, ledgerSteps.length);
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of ledgerSteps.slice(found)) database.exec(step);
    database.exec(`PRAGMA user_version = ${ledgerSteps.length}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** An older program must not write where a newer one keeps more: it would leave that out. */
export function newerLedger(found: number, known: number): GarrisonError {
  return new GarrisonError(
    'FAILED_PRECONDITION',
    `the ledger has format ${found} and this program knows ${known} at most`,
    { remedy: 'run the version of garrison that wrote it or a newer one; to go back, put back a backup from before' },
  );
}
