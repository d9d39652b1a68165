import type { Clock } from '#runtime/clock.ts';
import { readSecretFile, warnOfExposed, type OnExposed } from '#runtime/config/read-secret-file.ts';
import { makeStore, openDatabase } from '#runtime/database.ts';
import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { Ledger } from './port.ts';
import { isShared } from './shared-ledger.ts';
import { SqliteLedger } from './sqlite-ledger.ts';

export interface LedgerSettings {
  /** Undefined: `ca/ledger.db` in the state folder. */
  readonly database: string | undefined;
  readonly databasePasswordFile: string | undefined;
  /** First byte of serials where no other process writes the same ledger. */
  readonly instance: number;
}

interface Around {
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The ledger of a configuration, with what a former process left open in it settled. */
export async function openLedger(settings: LedgerSettings, { state, clock, logger }: Around): Promise<Ledger> {
  const { database: url, databasePasswordFile, instance } = settings;
  if (url !== undefined) {
    // Loaded only here: who has one file needs no client of a database.
    const { PostgresLedger } = await import('./postgres/postgres-ledger.ts');
    const { AuthorityFiles } = await import('./postgres/authority-files.ts');
    const password = readPassword(databasePasswordFile, warnOfExposed(logger));
    return PostgresLedger.open({ url, password, clock, logger, files: new AuthorityFiles(state) });
  }
  const file = state.join('ca', 'ledger.db');
  const ledger = makeStore(openDatabase(file, { durable: true }), file, (database) => new SqliteLedger(database));
  const unfinished = await ledger.abandon(instance);
  if (unfinished > 0) logger.warn('the ledger holds intents of unknown outcome', { certificates: unfinished });
  return ledger;
}

/** First byte of the serials that this process makes now. */
export function instanceOf(ledger: Ledger, { instance }: LedgerSettings): number {
  return isShared(ledger) ? ledger.instance : instance;
}

function readPassword(file: string | undefined, onExposed: OnExposed): string | undefined {
  if (file === undefined) return undefined;
  return readSecretFile({ file, holds: 'password', place: 'ca.databasePasswordFile' }, onExposed);
}
