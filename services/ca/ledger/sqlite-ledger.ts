import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { GarrisonError } from '#proto/errors/index.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import { countLive } from './count-live.ts';
import { entryConditions, jwtConditions } from './filter-sql.ts';
import { GroupCommit } from './group-commit.ts';
import type * as port from './port.ts';
import { refuseRedemption } from './redeem.ts';
import { readAuthority, readEntry, readJwt, readToken, type Row } from './rows.ts';
import { createSchema } from './sqlite-schema.ts';

const entryColumns = `
  SELECT i.*, o.state, o.certificate, o.reason, o.concluded_at, r.revoked_at, r.reason AS revocation
  FROM intents i LEFT JOIN outcomes o USING (number) LEFT JOIN revocations r USING (number)`;

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const readPositioned = (row: Row): port.ConcludedEntry => ({
  position: Number(row['position']),
  entry: readEntry(row),
});

/** The ledger on an SQLite database opened with synchronous=FULL: one process, one file. */
export class SqliteLedger implements port.Ledger {
  readonly #database: DatabaseSync;
  readonly #commit: GroupCommit;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    createSchema(database);
    this.#database = database;
    this.#commit = new GroupCommit(database);
  }

  check(): Promise<void> {
    return this.#commit.run(() => {
      this.#run(`INSERT INTO counters VALUES ('checks', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1`);
    });
  }

  intend(intent: port.Intent, redeem?: port.Redemption): Promise<void> {
    return this.#commit.run(() => {
      if (redeem !== undefined) this.#redeem(redeem);
      this.#run(
        `INSERT INTO intents (serial, profile, spiffe_id, dns_names, not_before, not_after, issuer_key_id,
           public_key_hash, tbs_hash, caller, authority_grant, requested_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
    });
  }

  conclude(serial: SerialHex, outcome: port.Outcome, at: Date): Promise<void> {
    const issued = outcome.kind === 'issued';
    return this.#commit.run(() => {
      const changes = this.#run(
        `INSERT INTO outcomes (number, state, certificate, reason, concluded_at)
         SELECT number, ?, ?, ?, ? FROM intents WHERE serial = ? ON CONFLICT DO NOTHING`,
        outcome.kind,
        issued ? outcome.certificate : null,
        issued ? null : outcome.reason,
        at.getTime(),
        hex(serial),
      );
      if (changes === 0) throw new GarrisonError('INTERNAL', `serial \`${serial}\` is not waiting for an outcome`);
    });
  }

  abandon(instance: number): Promise<number> {
    const prefix = Buffer.of(instance);
    return this.#commit.run(() =>
      this.#run(
        `INSERT INTO outcomes (number, state, concluded_at)
         SELECT i.number, 'unknown', i.requested_at FROM intents i
         WHERE NOT EXISTS (SELECT 1 FROM outcomes o WHERE o.number = i.number) AND substr(serial, 1, 1) = ?
         ORDER BY i.number`,
        prefix,
      ),
    );
  }

  find(serial: SerialHex): Promise<port.LedgerEntry | undefined> {
    return this.#read(() => {
      const row = this.#statement(`${entryColumns} WHERE i.serial = ?`).get(hex(serial));
      return row === undefined ? undefined : readEntry(row as Row);
    });
  }

  list(filter: port.EntryFilter): Promise<readonly port.LedgerEntry[]> {
    const { sql: where, values } = entryConditions(filter);
    const sql = `${entryColumns} ${where} ORDER BY i.number DESC LIMIT ?`;
    return this.#read(() => this.#rows(sql, ...values, filter.limit).map(readEntry));
  }

  revoke(serial: SerialHex, reason: string, at: Date): Promise<boolean> {
    return this.#commit.run(() => {
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
    const sql = `SELECT i.*, o.position, o.state, o.certificate, o.reason, o.concluded_at, r.revoked_at,
        r.reason AS revocation
      FROM outcomes o JOIN intents i USING (number) LEFT JOIN revocations r USING (number)
      WHERE o.position > ? ORDER BY o.position LIMIT ?`;
    return this.#read(() => this.#rows(sql, position, limit).map(readPositioned));
  }

  revocationsAfter(position: number, limit: number): Promise<readonly port.RevokedEntry[]> {
    const sql = `SELECT i.*, r.position, o.state, o.certificate, o.reason, o.concluded_at, r.revoked_at,
        r.reason AS revocation
      FROM revocations r JOIN intents i USING (number) LEFT JOIN outcomes o USING (number)
      WHERE r.position > ? ORDER BY r.position LIMIT ?`;
    return this.#read(() => this.#rows(sql, position, limit).map(readPositioned));
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
    return this.#read(() =>
      this.#rows('SELECT * FROM jwts WHERE number > ? ORDER BY number LIMIT ?', number, limit).map(readJwt),
    );
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
    return this.#commit.run(() => {
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
    });
  }

  listAuthorities(): Promise<{ records: readonly port.AuthorityRecord[]; sequence: number }> {
    return this.#read(() => ({
      records: this.#rows('SELECT * FROM authorities ORDER BY rowid').map(readAuthority),
      sequence: Number(this.#rows(`SELECT value FROM counters WHERE name = 'bundle sequence'`)[0]?.['value'] ?? 0),
    }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#commit.flush();
    if (this.#database.isOpen) this.#database.close();
    return Promise.resolve();
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

  /** Reads see what is committed: queued writes are not yet true. */
  #read<T>(read: () => T): Promise<T> {
    try {
      return Promise.resolve(read());
    } catch (cause) {
      return Promise.reject(new GarrisonError('UNAVAILABLE', 'the ledger cannot be read', { cause }));
    }
  }
}
