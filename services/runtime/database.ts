import { closeSync, openSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { GarrisonError } from '#proto/errors/index.ts';
import { makeFolder } from './make-folder.ts';

export interface DatabaseOptions {
  /** True where a record must survive a power cut the moment it is acknowledged; false where the last ones may be lost. */
  readonly durable: boolean;
  readonly setting?: string;
  /** How long a statement waits for another process to let go. */
  readonly lockWaitMs?: number;
}

/** Checking reads the whole file: done up to this size, beyond it a start would take longer than anybody waits. */
const checkedBytes = 64 * 1024 * 1024;

/** Opens or creates an SQLite file in WAL mode, readable by its owner only. What is wrong with it is told in one sentence. */
export function openDatabase(file: string, options: DatabaseOptions): DatabaseSync {
  try {
    makeFolder(path.dirname(file));
    // SQLite gives its side files the permissions of the main one.
    closeSync(openSync(file, 'a', 0o600));
    const database = new DatabaseSync(file, { timeout: options.lockWaitMs ?? 5000 });
    try {
      prepare(database, file, options);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    throw explain(error, file, options.setting ?? 'state');
  }
}

function prepare(database: DatabaseSync, file: string, options: DatabaseOptions): void {
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${options.durable ? 'FULL' : 'NORMAL'};
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
  `);
  if (statSync(file).size <= checkedBytes) {
    const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (found !== 'ok') throw damaged(file, String(found));
  } else {
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
  }
  // Reading works on a file system that is read-only; the process must know now, not at the first record.
  database.exec('BEGIN IMMEDIATE; ROLLBACK');
}

/** Primary result codes of SQLite, the low byte of the extended ones. */
const sqlite = { BUSY: 5, LOCKED: 6, READONLY: 8, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 };

/** The same sentences for what goes wrong with the first tables: a disk may be full only then. */
export function makeStore<Store>(database: DatabaseSync, file: string, make: (database: DatabaseSync) => Store): Store {
  try {
    return make(database);
  } catch (error) {
    database.close();
    throw (error as { errcode?: number }).errcode === undefined ? error : explain(error, file, 'state');
  }
}

function explain(error: unknown, file: string, setting: string): unknown {
  if (error instanceof GarrisonError) return error;
  const { errcode, code, message } = error as { errcode?: number; code?: string; message: string };
  const detail = { place: setting, cause: error };
  switch (errcode === undefined ? undefined : errcode & 0xff) {
    case sqlite.CORRUPT:
    case sqlite.NOTADB:
      return damaged(file, message, error);
    case sqlite.BUSY:
    case sqlite.LOCKED:
      return new GarrisonError('UNAVAILABLE', `the database \`${file}\` is locked by another process`, {
        ...detail,
        remedy: `stop that process or choose another folder with the setting \`${setting}\``,
      });
    case sqlite.FULL:
      return new GarrisonError('RESOURCE_EXHAUSTED', `no space left for the database \`${file}\``, {
        ...detail,
        remedy: 'free some space on its disk',
      });
    default:
      return new GarrisonError(
        'FAILED_PRECONDITION',
        `the database \`${file}\` cannot be written (${code ?? message})`,
        {
          ...detail,
          remedy: `let the user that garrison runs as write it, or choose another folder with the setting \`${setting}\``,
        },
      );
  }
}

function damaged(file: string, reason: string, cause?: unknown): GarrisonError {
  return new GarrisonError('DATA_LOSS', `the database \`${file}\` is damaged (${reason})`, {
    remedy: 'put a backup in its place, or move it away to start with an empty one',
    cause,
  });
}
