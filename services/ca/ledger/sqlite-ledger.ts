import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { GarrisonError } from '#proto/errors/index.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import { countLive } from './count-live.ts';
import { OpenIntents } from './open-intents.ts';
import { LogSync } from './log-sync.ts';
import { entryConditions, jwtConditions } from './filter-sql.ts';
import { GroupCommit } from './group-commit.ts';
import type * as port from './port.ts';
import { RecentEntries } from './recent-entries.ts';
import { refuseRedemption } from './redeem.ts';
import { entryColumns, readAuthority, readEntry, readJwt, readPositioned, readToken, type Row } from './rows.ts';
import { createSchema } from './sqlite-schema.ts';

const entries = `SELECT ${entryColumns}
  FROM intents i LEFT JOIN outcomes o USING (number) LEFT JOIN revocations r USING (number)`;

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const insertIntent = `
  INSERT INTO intents (serial, profile, spiffe_id, dns_names, not_before, not_after, issuer_key_id, public_key_hash,
    tbs_hash, caller, authority_grant, requested_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const concludeByNumber = `
  INSERT INTO outcomes (state, certificate, reason, concluded_at, number) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`;

const concludeBySerial = `
  INSERT INTO outcomes (number, state, certificate, reason, concluded_at)
  SELECT number, ?, ?, ?, ? FROM intents WHERE serial = ? ON CONFLICT DO NOTHING`;

/** The ledger on an SQLite database opened in WAL mode: one process, one file. */
export class SqliteLedger implements port.Ledger {
  readonly #database: DatabaseSync;
  readonly #log: LogSync;
  readonly #commit: GroupCommit;
  readonly #open = new OpenIntents();
  /** Who renews shows the same certificate again and again. What is concluded changes by revocation only. */
  readonly #recent = new RecentEntries();
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    createSchema(database);
    this.#database = database;
    this.#log = new LogSync(database);
    this.#commit = new GroupCommit(database, this.#log);
  }

  check(): Promise<void> {
    return this.#commit.run(() => {
      this.#run(`INSERT INTO counters VALUES ('checks', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1`);
    });
  }

  async intend(intent: port.Intent, redeem?: port.Redemption): Promise<void> {
    const number = await this.#commit.run(
      () => {
        if (redeem !== undefined) this.#redeem(redeem);
        return this.#insertIntent(intent);
      },
      { several: redeem !== undefined },
    );
    this.#open.add(intent.serial, number);
    const settled = this.#open.settled();
    if (settled !== undefined) await this.#commit.run(() => this.#settle(settled));
  }

  async conclude(serial: SerialHex, outcome: port.Outcome, at: Date): Promise<void> {
    const issued = outcome.kind === 'issued';
    const number = this.#open.numberOf(serial) ?? -1;
    await this.#commit.run(() => {
      const changes = this.#run(
        number < 0 ? concludeBySerial : concludeByNumber,
        outcome.kind,
        issued ? outcome.certificate : null,
        issued ? null : outcome.reason,
        at.getTime(),
        number < 0 ? hex(serial) : number,
      );
      if (changes === 0) throw new GarrisonError('INTERNAL', `serial \`${serial}\` is not waiting for an outcome`);
    });
    this.#open.delete(serial);
  }

  abandon(instance: number): Promise<number> {
    return this.#commit.run(
      () => {
        const [row] = this.#rows(`SELECT value FROM counters WHERE name = 'settled'`);
        const from = Number(row?.['value'] ?? 0);
        const abandoned = this.#run(
          `INSERT INTO outcomes (number, state, concluded_at)
           SELECT i.number, 'unknown', i.requested_at FROM intents i
           WHERE i.number > ? AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.number = i.number)
             AND substr(i.serial, 1, 1) = ?
           ORDER BY i.number`,
          from,
          Buffer.of(instance),
        );
        const [open] = this.#rows(
          `SELECT min(i.number) AS number FROM intents i
           WHERE i.number > ? AND NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.number = i.number)`,
          from,
        );
        const [last] = this.#rows('SELECT max(number) AS number FROM intents');
        const first = open?.['number'] ?? null;
        const settled = first === null ? Number(last?.['number'] ?? 0) : Number(first) - 1;
        this.#settle(settled);
        this.#open.begin(settled, first !== null);
        return abandoned;
      },
      { several: true },
    );
  }

  find(serial: SerialHex): Promise<port.LedgerEntry | undefined> {
    const known = this.#recent.get(serial);
    if (known !== undefined) return Promise.resolve(known);
    return this.#read(() => {
      const row = this.#statement(`${entries} WHERE i.serial = ?`).get(hex(serial));
      if (row === undefined) return undefined;
      const entry = readEntry(row as Row);
      if (entry.state !== 'intended') this.#recent.set(serial, entry);
      return entry;
    });
  }

  list(filter: port.EntryFilter): Promise<readonly port.LedgerEntry[]> {
    const { sql: where, values } = entryConditions(filter);
    const sql = `${entries} ${where} ORDER BY i.number DESC LIMIT ?`;
    return this.#read(() => this.#rows(sql, ...values, filter.limit).map(readEntry));
  }

  revoke(serial: SerialHex, reason: string, at: Date): Promise<boolean> {
    return this.#commit.run(() => {
      this.#recent.delete(serial);
      const changes = this.#run(
        `INSERT INTO revocations (number, reason, revoked_at)
         SELECT i.number, ?, ? FROM intents i JOIN outcomes o USING (number)
         WHERE i.serial = ? AND o.state <> 'failed' ON CONFLICT DO NOTHING`,
        reason,
        at.getTime(),
        hex(serial),
      );
      return changes > 0;
    });
  }

  listRevoked(at: Date): Promise<readonly SerialHex[]> {
    const sql = `SELECT hex(i.serial) AS serial FROM revocations JOIN intents i USING (number)
      WHERE i.not_after >= ? ORDER BY number`;
    return this.#read(() =>
      this.#rows(sql, at.getTime()).map(({ serial }) => String(serial).toLowerCase() as SerialHex),
    );
  }

  countLive(at: Date): Promise<readonly port.LiveCount[]> {
    return this.#read(() => countLive((sql, ...values) => this.#rows(sql, ...values), at));
  }

  entriesAfter(position: number, limit: number): Promise<readonly port.ConcludedEntry[]> {
    const sql = `SELECT ${entryColumns}, o.position
      FROM outcomes o JOIN intents i USING (number) LEFT JOIN revocations r USING (number)
      WHERE o.position > ? ORDER BY o.position LIMIT ?`;
    return this.#readDurable(() => this.#rows(sql, position, limit).map(readPositioned));
  }

  revocationsAfter(position: number, limit: number): Promise<readonly port.RevokedEntry[]> {
    const sql = `SELECT ${entryColumns}, r.position
      FROM revocations r JOIN intents i USING (number) LEFT JOIN outcomes o USING (number)
      WHERE r.position > ? ORDER BY r.position LIMIT ?`;
    return this.#readDurable(() => this.#rows(sql, position, limit).map(readPositioned));
  }

  noteJwt(record: port.JwtRecord): Promise<void> {
    return this.#commit.run(() => {
      this.#run(
        `INSERT INTO jwts (spiffe_id, audience, key_id, token_hash, issued_at, expires_at, caller, authority_grant)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        record.spiffeId,
        JSON.stringify(record.audience),
        record.keyId,
        hex(record.tokenHash),
        record.issuedAt.getTime(),
        record.expiresAt.getTime(),
        record.caller,
        record.grant,
      );
    });
  }

  listJwts(filter: port.JwtFilter): Promise<readonly port.JwtEntry[]> {
    const { sql: where, values } = jwtConditions(filter);
    const sql = `SELECT * FROM jwts ${where} ORDER BY number DESC LIMIT ?`;
    return this.#read(() => this.#rows(sql, ...values, filter.limit).map(readJwt));
  }

  jwtsAfter(number: number, limit: number): Promise<readonly port.JwtEntry[]> {
    return this.#readDurable(() =>
      this.#rows('SELECT * FROM jwts WHERE number > ? ORDER BY number LIMIT ?', number, limit).map(readJwt),
    );
  }

  readCursors(): Promise<ReadonlyMap<string, number>> {
    const sql = `SELECT substr(name, 8) AS name, value FROM counters WHERE name LIKE 'cursor %'`;
    return this.#read(() => new Map(this.#rows(sql).map(({ name, value }) => [String(name), Number(value)])));
  }

  moveCursors(positions: ReadonlyMap<string, number>): Promise<void> {
    const sql = 'INSERT INTO counters VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = max(value, ?2)';
    const move = (): void => {
      for (const [name, position] of positions) this.#run(sql, `cursor ${name}`, position);
    };
    return this.#commit.run(move, { several: true });
  }

  addToken(token: port.TokenRecord): Promise<void> {
    return this.#commit.run(() => {
      this.#run(
        `INSERT INTO tokens (id, hash, name, spiffe_id, dns_names, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
        token.id,
        hex(token.hash),
        token.name,
        token.spiffeId,
        token.dnsNames.join(' '),
        token.createdAt.getTime(),
        token.expiresAt.getTime(),
      );
    });
  }

  findToken(hash: string): Promise<port.StoredToken | undefined> {
    return this.#read(() => this.#token(hash));
  }

  listTokens(): Promise<readonly port.StoredToken[]> {
    return this.#read(() => this.#rows('SELECT * FROM tokens ORDER BY created_at DESC, rowid DESC').map(readToken));
  }

  pruneTokens(before: Date): Promise<number> {
    return this.#commit.run(() => this.#run('DELETE FROM tokens WHERE expires_at < ?', before.getTime()));
  }

  putAuthorities(records: readonly port.AuthorityRecord[]): Promise<void> {
    const put = (): void => {
      for (const record of records) {
        this.#run(
          `INSERT INTO authorities (id, state, root, issuing, jwt_key, since) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET state = excluded.state, issuing = excluded.issuing, since = excluded.since`,
          record.id,
          record.state,
          record.root,
          record.issuing,
          record.jwtKey,
          record.since.getTime(),
        );
      }
      this.#run(`UPDATE counters SET value = value + 1 WHERE name = 'bundle sequence'`);
    };
    return this.#commit.run(put, { several: true });
  }

  listAuthorities(): Promise<{ records: readonly port.AuthorityRecord[]; sequence: number }> {
    return this.#read(() => ({
      records: this.#rows('SELECT * FROM authorities ORDER BY rowid').map(readAuthority),
      sequence: Number(this.#rows(`SELECT value FROM counters WHERE name = 'bundle sequence'`)[0]?.['value'] ?? 0),
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commit.settled();
    if (!this.#database.isOpen) return;
    this.#log.close();
    this.#database.close();
  }

  #insertIntent(intent: port.Intent): number {
    const { lastInsertRowid } = this.#statement(insertIntent).run(
      hex(intent.serial),
      intent.profile,
      intent.spiffeId,
      intent.dnsNames.join(' '),
      intent.notBefore.getTime(),
      intent.notAfter.getTime(),
      hex(intent.issuerKeyId),
      hex(intent.publicKeyHash),
      hex(intent.tbsHash),
      intent.caller,
      intent.grant,
      intent.requestedAt.getTime(),
    );
    return Number(lastInsertRowid);
  }

  #settle(number: number): void {
    this.#run(
      `INSERT INTO counters VALUES ('settled', ?1) ON CONFLICT (name) DO UPDATE SET value = max(value, ?1)`,
      number,
    );
  }

  #redeem({ hash, at }: port.Redemption): void {
    const changes = this.#run(
      'UPDATE tokens SET redeemed_at = ?1 WHERE hash = ?2 AND redeemed_at IS NULL AND expires_at > ?1',
      at.getTime(),
      hex(hash),
    );
    if (changes !== 1) throw refuseRedemption(this.#token(hash), at);
  }

  #token(hash: string): port.StoredToken | undefined {
    const row = this.#statement('SELECT * FROM tokens WHERE hash = ?').get(hex(hash));
    return row === undefined ? undefined : readToken(row as Row);
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  #rows(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values) as Row[];
  }

  /** What others keep a position of must not be gone after a power cut. */
  async #readDurable<T>(read: () => T): Promise<T> {
    const found = await this.#read(read);
    await this.#commit.synced();
    return found;
  }

  /** Reads see what is committed: queued writes are not yet true. */
  #read<T>(read: () => T): Promise<T> {
    try {
      return Promise.resolve(read());
    } catch (cause) {
      return Promise.reject(new GarrisonError('UNAVAILABLE', 'the ledger cannot be read', { cause }));
    }
  }
}
