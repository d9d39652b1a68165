import type { ClientBase } from 'pg';
import { newerLedger } from '../sqlite-schema.ts';
import { locks } from './locks.ts';
import { recordFunction } from './record-function.ts';

/** Times are milliseconds since 1970 by the clock of the authority, as in the certificate; leases go by the database's. */
const first = `
  CREATE TABLE intents (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    serial bytea NOT NULL UNIQUE,
    profile text NOT NULL,
    spiffe_id text NOT NULL,
    dns_names text NOT NULL,
    not_before bigint NOT NULL,
    not_after bigint NOT NULL,
    issuer_key_id bytea NOT NULL,
    public_key_hash bytea NOT NULL,
    tbs_hash bytea NOT NULL,
    caller text NOT NULL,
    authority_grant text NOT NULL,
    requested_at bigint NOT NULL
  );
  CREATE INDEX intents_by_id ON intents (spiffe_id, number);
  CREATE INDEX intents_by_caller ON intents (caller, number);
  CREATE INDEX intents_by_time ON intents (requested_at, number);
  CREATE INDEX intents_by_issuer ON intents (issuer_key_id, number);
  CREATE TABLE outcomes (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number bigint NOT NULL UNIQUE REFERENCES intents,
    state text NOT NULL,
    certificate bytea,
    reason text,
    concluded_at bigint NOT NULL
  );
  CREATE TABLE revocations (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number bigint NOT NULL UNIQUE REFERENCES intents,
    reason text NOT NULL,
    revoked_at bigint NOT NULL
  );
  CREATE TABLE jwts (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    spiffe_id text NOT NULL,
    audience text NOT NULL,
    key_id text NOT NULL,
    token_hash bytea NOT NULL,
    issued_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    caller text NOT NULL,
    authority_grant text NOT NULL
  );
  CREATE INDEX jwts_by_id ON jwts (spiffe_id, number);
  CREATE INDEX jwts_by_time ON jwts (issued_at, number);
  CREATE TABLE tokens (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    hash bytea NOT NULL UNIQUE,
    name text NOT NULL,
    spiffe_id text NOT NULL,
    dns_names text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    redeemed_at bigint
  );
  CREATE TABLE authorities (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    state text NOT NULL,
    root bytea NOT NULL,
    issuing bytea NOT NULL,
    jwt_key bytea NOT NULL,
    since bigint NOT NULL
  );
  CREATE TABLE counters (name text PRIMARY KEY, value bigint NOT NULL);
  INSERT INTO counters VALUES ('bundle sequence', 0);
  -- Who issues under which first byte of serials, and until when it may without saying so again.
  CREATE TABLE instances (
    instance integer PRIMARY KEY CHECK (instance BETWEEN 1 AND 127),
    holder uuid NOT NULL,
    claimed_at timestamptz NOT NULL,
    leased_until timestamptz NOT NULL
  );
  -- Encrypted private keys and certificates of authorities, so that every process that knows the passphrase can sign.
  CREATE TABLE authority_files (name text PRIMARY KEY, authority text NOT NULL, content text NOT NULL);
`;

const second = `CREATE INDEX leaves_by_end ON intents (not_after, issuer_key_id) WHERE profile = 'leaf';`;

const steps: readonly string[] = [first + recordFunction, second];

/** Makes the tables, or brings older ones forward. In a transaction, of several processes that start together one does it. */
export async function createPostgresSchema(client: ClientBase): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [locks.schema]);
  await client.query('CREATE SCHEMA IF NOT EXISTS garrison');
  await client.query('SET LOCAL search_path = garrison');
  await client.query('CREATE TABLE IF NOT EXISTS format (version integer NOT NULL)');
  const { rows } = await client.query<{ version: number }>('SELECT max(version) AS version FROM format');
  const found = rows[0]?.version ?? 0;
  if (found > steps.length) throw newerLedger(found, steps.length);
  for (const step of steps.slice(found)) await client.query(step);
  if (found < steps.length) await client.query('INSERT INTO format VALUES ($1)', [steps.length]);
}
