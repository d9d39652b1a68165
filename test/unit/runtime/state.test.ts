import { describe, expect, test } from '@jest/globals';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { publishAddresses, readAddresses, withdrawAddresses } from '#runtime/addresses-file.ts';
import { makeStore, openDatabase } from '#runtime/database.ts';
import { lockFile } from '#runtime/lock-file.ts';
import { StateFolder } from '#runtime/state-folder.ts';

const fresh = (): string => mkdtempSync(path.join(tmpdir(), 'garrison-state-'));
const modeOf = (file: string): number => statSync(file).mode & 0o777;
const refusal = (fields: object): Error => expect.objectContaining(fields) as unknown as Error;

describe('the state folder', () => {
  test('is made for its owner only, and so is what is written there', () => {
    const folder = path.join(fresh(), 'a/b');
    const state = StateFolder.open(folder);
    expect(modeOf(folder)).toBe(0o700);
    state.write('keys/ca.pem', 'secret');
    state.write('bundle.pem', 'public', 0o644);
    expect(modeOf(state.join('keys/ca.pem'))).toBe(0o600);
    expect(modeOf(state.join('keys'))).toBe(0o700);
    expect(modeOf(state.join('bundle.pem'))).toBe(0o644);
    expect(state.read('keys/ca.pem')).toBe('secret');
    expect(state.read('absent')).toBeUndefined();
    state.write('keys/ca.pem', 'again');
    expect(state.read('keys/ca.pem')).toBe('again');
    expect(readdirSync(state.join('keys'))).toEqual(['ca.pem']);
    state.remove('keys/ca.pem');
    expect(state.read('keys/ca.pem')).toBeUndefined();
  });

  test('one that was open to others is closed', () => {
    const folder = fresh();
    chmodSync(folder, 0o777);
    StateFolder.open(folder);
    expect(modeOf(folder)).toBe(0o700);
  });

  test('a place where nothing can be written is refused, and the error names the setting', () => {
    const file = path.join(fresh(), 'file');
    writeFileSync(file, '');
    for (const place of [path.join(file, 'state'), file, '/proc/garrison']) {
      expect(() => StateFolder.open(place)).toThrow(
        refusal({
          code: 'FAILED_PRECONDITION',
          place: 'state',
          remedy: expect.stringContaining('the setting `state`') as unknown,
        }),
      );
    }
  });
});

describe('published addresses', () => {
  test('of several processes live in one file, and each takes back its own', async () => {
    const state = StateFolder.open(fresh());
    expect(readAddresses(state.path).size).toBe(0);
    const [ca, authz] = [
      { ca: { host: '127.0.0.1', port: 1 } },
      { authz: { host: '::1', port: 2 }, authzLocal: undefined },
    ];
    await Promise.all([publishAddresses(state, ca), publishAddresses(state, authz)]);
    expect(readAddresses(state.path)).toEqual(new Map(Object.entries({ ca: ca.ca, authz: authz.authz })));
    await publishAddresses(state, { ca: { host: '127.0.0.1', port: 9 } });
    await withdrawAddresses(state, ca);
    await withdrawAddresses(state, authz);
    expect(readAddresses(state.path)).toEqual(new Map([['ca', { host: '127.0.0.1', port: 9 }]]));
  });

  test('a file that cannot be read is as good as none', () => {
    const state = StateFolder.open(fresh());
    state.write('addresses.json', '{"ca": "127.0');
    expect(readAddresses(state.path).size).toBe(0);
  });
});

describe('databases', () => {
  test('are made for their owner only, with their side files, in WAL mode', () => {
    const file = path.join(fresh(), 'sub/audit.db');
    const database = openDatabase(file, { durable: true });
    database.exec('CREATE TABLE t (x)');
    expect(database.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(database.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 });
    expect([file, `${file}-wal`, `${file}-shm`].map(modeOf)).toEqual([0o600, 0o600, 0o600]);
    database.close();
    const again = openDatabase(file, { durable: false });
    expect(again.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 1 });
    again.close();
  });

  test('a file that is no database', () => {
    const file = path.join(fresh(), 'audit.db');
    writeFileSync(file, 'this is not a database, but it is long enough to be asked for its header '.repeat(20));
    expect(() => openDatabase(file, { durable: true })).toThrow(
      refusal({ code: 'DATA_LOSS', remedy: 'put a backup in its place, or move it away to start with an empty one' }),
    );
  });

  test('a database with a damaged page', () => {
    const file = path.join(fresh(), 'audit.db');
    const made = new DatabaseSync(file);
    made.exec('CREATE TABLE t (x TEXT)');
    const insert = made.prepare('INSERT INTO t VALUES (?)');
    for (let i = 0; i < 500; i += 1) insert.run('x'.repeat(500));
    made.close();
    const bytes = Buffer.alloc(8192, 0xff);
    const { size } = statSync(file);
    writeFileSync(file, bytes, { flag: 'r+' });
    expect(size).toBeGreaterThan(bytes.length);
    expect(() => openDatabase(file, { durable: true })).toThrow(refusal({ code: 'DATA_LOSS' }));
  });

  test('one that another process holds', () => {
    const file = path.join(fresh(), 'audit.db');
    const holder = new DatabaseSync(file);
    holder.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x); BEGIN EXCLUSIVE');
    expect(() => openDatabase(file, { durable: true, lockWaitMs: 20 })).toThrow(
      refusal({ code: 'UNAVAILABLE', message: `the database \`${file}\` is locked by another process` }),
    );
    holder.close();
  });

  test('a place where nothing can be written', () => {
    const file = path.join(fresh(), 'file');
    writeFileSync(file, '');
    expect(() => openDatabase(path.join(file, 'audit.db'), { durable: true })).toThrow(
      refusal({ code: 'FAILED_PRECONDITION' }),
    );
    const folder = path.join(fresh(), 'audit.db');
    mkdirSync(folder);
    expect(() => openDatabase(folder, { durable: true })).toThrow(refusal({ code: 'FAILED_PRECONDITION' }));
  });
});

test('a disk that is full when the tables are made is told as such', () => {
  const file = path.join(fresh(), 'audit.db');
  const database = openDatabase(file, { durable: true });
  database.exec('PRAGMA max_page_count = 2');
  const fill = (): void => database.exec('CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE c (x)');
  expect(() => makeStore(database, file, fill)).toThrow(
    refusal({ code: 'RESOURCE_EXHAUSTED', remedy: 'free some space on its disk' }),
  );
});

describe('the lock of a folder', () => {
  test('is held by one at a time, and free again afterwards', () => {
    const file = path.join(fresh(), 'ca/lock');
    const held = lockFile(file);
    expect(() => lockFile(file)).toThrow(
      refusal({
        code: 'FAILED_PRECONDITION',
        place: 'state',
        message: `another process uses the folder \`${path.dirname(file)}\``,
      }),
    );
    held[Symbol.dispose]();
    lockFile(file)[Symbol.dispose]();
    expect(modeOf(file)).toBe(0o600);
  });
});
