import type { DatabaseSync } from 'node:sqlite';
import { GarrisonError } from '#proto/errors/index.ts';

const version = 1;

/**
 * `body` holds the canonical bytes; the columns beside it exist to be asked by.
 * `calls` counts by minute, so that "who called whom" costs the same at any number of records.
 * `marks.last` is the highest number ever given: a number is not used again after its record was forgotten.
 */
const schema = `
CREATE TABLE records (
  sequence INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  received INTEGER NOT NULL,
  decision TEXT,
  principal TEXT,
  source_namespace TEXT,
  source_workload TEXT,
  destination_namespace TEXT,
  destination_workload TEXT,
  effect TEXT NOT NULL,
  policy TEXT,
  revision INTEGER,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX records_by_time ON records (time);
CREATE INDEX records_by_decision ON records (decision) WHERE decision IS NOT NULL;
CREATE INDEX records_by_principal ON records (principal);
CREATE INDEX records_by_source ON records (source_workload, source_namespace);
CREATE INDEX records_by_destination ON records (destination_workload, destination_namespace);
CREATE INDEX records_not_allowed ON records (effect) WHERE effect <> 'allow';
CREATE TABLE calls (
  minute INTEGER NOT NULL,
  reporter TEXT NOT NULL,
  principal TEXT NOT NULL,
  source_namespace TEXT NOT NULL,
  source_workload TEXT NOT NULL,
  destination_namespace TEXT NOT NULL,
  destination_workload TEXT NOT NULL,
  effect TEXT NOT NULL,
  policy TEXT NOT NULL,
  fail_open INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (minute, reporter, principal, source_namespace, source_workload, destination_namespace,
    destination_workload, effect, policy, fail_open)
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO marks VALUES ('last', 0), ('probe', 0);
`;

/** Makes the tables where there are none, and refuses a database that a newer version wrote. */
export function prepareAuditSchema(database: DatabaseSync, place: string): void {
  const found = database.prepare('PRAGMA user_version').get()?.['user_version'];
  if (found === version) return;
  if (found !== 0) {
    throw new GarrisonError(
      'FAILED_PRECONDITION',
      `audit database has format ${String(found)}, this program reads ${version}`,
      {
        place,
        remedy: 'use the version of garrison that wrote it, or move the file away to start a new one',
      },
    );
  }
  database.exec(`BEGIN IMMEDIATE; ${schema} PRAGMA user_version = ${version}; COMMIT;`);
}
