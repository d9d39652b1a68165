import type { DatabaseSync } from 'node:sqlite';
import { GarrisonError } from '#proto/errors/index.ts';

const version = 1;

/**
 * Intents and outcomes are appended, never rewritten: a row that said what would be signed still says so afterwards.
 * Serials grow with time, so their index is appended to as well and stays cheap at ten million rows.
 */
const schema = `
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
  PRAGMA user_version = ${version};
`;

export function createSchema(database: DatabaseSync): void {
  const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
  if (found === version) return;
  if (found !== 0) {
    throw new GarrisonError('FAILED_PRECONDITION', `the ledger has format ${found} and this program knows ${version}`, {
      remedy: 'run the version of garrison that wrote it',
    });
  }
  database.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`);
}
