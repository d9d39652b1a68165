import type { Pool, QueryResultRow } from 'pg';
import type { SerialHex } from '#ca/issue/serial.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import { entryConditions, jwtConditions } from '../filter-sql.ts';
import type * as port from '../port.ts';
import { refuseRedemption } from '../redeem.ts';
import { readAuthority, readEntry, readJwt, readLive, readPositioned, readToken, type Row } from '../rows.ts';
import type { SharedLedger } from '../shared-ledger.ts';
import type { AuthorityFile, AuthorityFiles } from './authority-files.ts';
import { BatchWriter, type Batch, type Fault } from './batch-writer.ts';
import { isUncertain, openPool, transaction, unavailable, type DatabaseSettings } from './connect.ts';
import { abandonIntents, Lease, renewMs } from './lease.ts';
import { channel, leaseLost, locks, type NoticeKind } from './locks.ts';
import { Notices } from './notices.ts';
import { createPostgresSchema } from './postgres-schema.ts';
import * as queries from './read-queries.ts';

export interface PostgresOptions extends DatabaseSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined: authorities have no files here. */
  readonly files?: AuthorityFiles | undefined;
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** The ledger on PostgreSQL: several authorities of one trust domain write it, each under an instance of its own. */
export class PostgresLedger implements SharedLedger {
  readonly #pool: Pool;
  readonly #lease: Lease;
  readonly #notices: Notices;
  readonly #writer: BatchWriter;
  readonly #options: PostgresOptions;
  readonly #stop = new AbortController();
  #keeping: Promise<void> = Promise.resolve();
  /** The bundle's sequence as this process last saw it. */
  #sequence: number | undefined;

  private constructor(options: PostgresOptions, pool: Pool) {
    this.#options = options;
    this.#pool = pool;
    this.#lease = new Lease(pool);
    this.#notices = new Notices(options);
    this.#writer = new BatchWriter(
      (batch) => this.#record(batch),
      async ({ hash, at }) => refuseRedemption(await this.findToken(hash), at),
    );
  }

  static async open(options: PostgresOptions): Promise<PostgresLedger> {
    const pool = openPool(options);
    try {
      await checkDurable(pool);
      await transaction(pool, createPostgresSchema);
      const ledger = new PostgresLedger(options, pool);
      const abandoned = await ledger.#lease.claim();
      if (abandoned > 0)
        options.logger.warn('the ledger holds intents of unknown outcome', { certificates: abandoned });
      await ledger.#notices.keep(() => ledger.#lease.holder);
      ledger.#keeping = ledger.#keep();
      return ledger;
    } catch (error) {
      await pool.end();
      throw unavailable(error);
    }
  }

  get instance(): number {
    return this.#lease.instance;
  }

  onNotice(listener: (kind: NoticeKind) => void): () => void {
    return this.#notices.onNotice(listener);
  }

  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw unavailable(error);
    });
    try {
      await client.query('SELECT pg_advisory_lock($1)', [locks.opening]);
      return await work();
    } finally {
      // With the connection goes the lock.
      client.release(true);
    }
  }

  intend(intent: port.Intent, redeem?: port.Redemption): Promise<void> {
    return this.#writer.intend(intent, redeem);
  }

  conclude(serial: SerialHex, outcome: port.Outcome, at: Date): Promise<void> {
    return this.#writer.conclude(serial, outcome, at);
  }

  noteJwt(record: port.JwtRecord): Promise<void> {
    return this.#writer.noteJwt(record);
  }

  async abandon(instance: number): Promise<number> {
    return this.#try(() => transaction(this.#pool, (client) => abandonIntents(client, instance, 0)));
  }

  async check(): Promise<void> {
    await this.#record({ intents: [], outcomes: [], jwts: [] });
  }

  async find(serial: SerialHex): Promise<port.LedgerEntry | undefined> {
    const [row] = await this.#rows('find', `${queries.entries} WHERE i.serial = $1`, hex(serial));
    return row === undefined ? undefined : readEntry(row);
  }

  async list(filter: port.EntryFilter): Promise<readonly port.LedgerEntry[]> {
    const { sql, values } = entryConditions(filter);
    const text = numbered(`${queries.entries} ${sql} ORDER BY i.number DESC LIMIT ?`);
    return (await this.#rows(undefined, text, ...values, filter.limit)).map(readEntry);
  }

  async revoke(serial: SerialHex, reason: string, at: Date): Promise<boolean> {
    return this.#change('revocations', locks.order, async (run) => {
      const added = await run(
        `INSERT INTO garrison.revocations (number, reason, revoked_at)
         SELECT i.number, $2, $3 FROM garrison.intents i JOIN garrison.outcomes o USING (number)
         WHERE i.serial = $1 AND o.state <> 'failed' ON CONFLICT (number) DO NOTHING`,
        [hex(serial), reason, at.getTime()],
      );
      return added > 0;
    });
  }

  async listRevoked(at: Date): Promise<readonly SerialHex[]> {
    const rows = await this.#rows(undefined, queries.revokedSerials, at.getTime());
    return rows.map(({ serial }) => String(serial) as SerialHex);
  }

  async countLive(at: Date): Promise<readonly port.LiveCount[]> {
    return (await this.#rows(undefined, queries.live, at.getTime())).map(readLive);
  }

  async entriesAfter(position: number, limit: number): Promise<readonly port.ConcludedEntry[]> {
    return (await this.#rows('concluded', queries.concluded, position, limit)).map(readPositioned);
  }

  async revocationsAfter(position: number, limit: number): Promise<readonly port.RevokedEntry[]> {
    return (await this.#rows('revoked', queries.revoked, position, limit)).map(readPositioned);
  }

  async listJwts(filter: port.JwtFilter): Promise<readonly port.JwtEntry[]> {
    const { sql, values } = jwtConditions(filter);
    const text = numbered(`SELECT * FROM garrison.jwts ${sql} ORDER BY number DESC LIMIT ?`);
    return (await this.#rows(undefined, text, ...values, filter.limit)).map(readJwt);
  }

  async jwtsAfter(number: number, limit: number): Promise<readonly port.JwtEntry[]> {
    const sql = 'SELECT * FROM garrison.jwts WHERE number > $1 ORDER BY number LIMIT $2';
    return (await this.#rows('jwts', sql, number, limit)).map(readJwt);
  }

  async readCursors(): Promise<ReadonlyMap<string, number>> {
    const sql = `SELECT substr(name, 8) AS name, value FROM garrison.counters WHERE name LIKE 'cursor %'`;
    return new Map((await this.#rows('cursors', sql)).map(({ name, value }) => [String(name), Number(value)]));
  }

  async moveCursors(positions: ReadonlyMap<string, number>): Promise<void> {
    const sql = `INSERT INTO garrison.counters AS c VALUES ($1, $2)
      ON CONFLICT (name) DO UPDATE SET value = greatest(c.value, excluded.value)`;
    await this.#try(() =>
      transaction(this.#pool, async (client) => {
        for (const [name, position] of positions) await client.query(sql, [`cursor ${name}`, position]);
      }),
    );
  }

  async whileAlone(task: 'forwarding', signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const client = await this.#pool.connect().catch(() => undefined);
      let alone: boolean | undefined;
      try {
        const sql = 'SELECT pg_try_advisory_lock($1) AS alone';
        const answer = await client?.query<{ alone: boolean }>(sql, [locks[task]]).catch(() => undefined);
        alone = answer?.rows[0]?.alone;
        if (alone === true) await work();
      } finally {
        // With the connection goes the lock, which may be held where nothing was answered.
        client?.release(alone !== false);
      }
      await clock.sleep(renewMs, signal);
    }
  }

  async addToken(token: port.TokenRecord): Promise<void> {
    await this.#change('tokens', undefined, (run) =>
      run(
        `INSERT INTO garrison.tokens (id, hash, name, spiffe_id, dns_names, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [
          ...[token.id, hex(token.hash), token.name, token.spiffeId, token.dnsNames.join(' ')],
          ...[token.createdAt.getTime(), token.expiresAt.getTime()],
        ],
      ),
    );
  }

  async findToken(hash: string): Promise<port.StoredToken | undefined> {
    const [row] = await this.#rows('token', 'SELECT * FROM garrison.tokens WHERE hash = $1', hex(hash));
    return row === undefined ? undefined : readToken(row);
  }

  async listTokens(): Promise<readonly port.StoredToken[]> {
    const sql = 'SELECT * FROM garrison.tokens ORDER BY created_at DESC, number DESC';
    return (await this.#rows(undefined, sql)).map(readToken);
  }

  async pruneTokens(before: Date): Promise<number> {
    return this.#change('tokens', undefined, (run) =>
      run('DELETE FROM garrison.tokens WHERE expires_at < $1', [before.getTime()]),
    );
  }

  async putAuthorities(records: readonly port.AuthorityRecord[]): Promise<void> {
    const files = records.map(({ id, state }) => (state === 'revoked' ? [] : (this.#options.files?.collect(id) ?? [])));
    const sequence = await this.#change('authorities', locks.authorities, async (run) => {
      const seen = this.#sequence;
      const sql = `UPDATE garrison.counters SET value = value + 1 WHERE name = 'bundle sequence'`;
      const moved = seen === undefined ? await run(sql) : await run(`${sql} AND value = $1`, [seen]);
      if (moved === 0) {
        throw new GarrisonError('UNAVAILABLE', 'another process has just changed the authorities', {
          remedy: 'look at them and try again',
        });
      }
      for (const [index, record] of records.entries()) {
        await run(upsertAuthority, [
          ...[record.id, record.state, record.root, record.issuing, record.jwtKey, record.since.getTime()],
        ]);
        await run('DELETE FROM garrison.authority_files WHERE authority = $1', [record.id]);
        for (const { name, content } of files[index] ?? []) {
          await run('INSERT INTO garrison.authority_files VALUES ($1, $2, $3)', [name, record.id, content]);
        }
      }
      return seen === undefined ? undefined : seen + 1;
    });
    this.#sequence = sequence;
  }

  async listAuthorities(): Promise<{ records: readonly port.AuthorityRecord[]; sequence: number }> {
    const { files } = this.#options;
    const listed = await this.#try(() =>
      transaction(this.#pool, async (client) => {
        await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
        const records = await client.query<Row>('SELECT * FROM garrison.authorities ORDER BY number');
        const counters = await client.query<Row>(`SELECT value FROM garrison.counters WHERE name = 'bundle sequence'`);
        const kept = await client.query<AuthorityFile & Row>('SELECT name, content FROM garrison.authority_files');
        return { records: records.rows, sequence: Number(counters.rows[0]?.['value'] ?? 0), files: kept.rows };
      }),
    );
    files?.place(listed.files);
    for (const { id, state } of listed.records) if (state === 'revoked') files?.remove(String(id));
    this.#sequence = listed.sequence;
    return { records: listed.records.map(readAuthority), sequence: listed.sequence };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.settled();
    this.#stop.abort();
    await this.#keeping;
    await this.#lease.release().catch(() => undefined);
    await this.#notices.end();
    await this.#pool.end();
  }

  /** Sent once more where the connection broke under it: then nobody knows whether it took effect. */
  async #record(batch: Batch): Promise<readonly Fault[]> {
    const lists = [batch.intents, batch.outcomes, batch.jwts].map((list) => JSON.stringify(list));
    const send = async (again: boolean): Promise<readonly Fault[]> => {
      const values = [this.#lease.instance, this.#lease.holder, again, ...lists];
      const text = 'SELECT kind, item, fault FROM garrison.record($1, $2, $3, $4, $5, $6)';
      const { rows } = await this.#pool.query<Fault & QueryResultRow>({ name: 'record', text, values });
      return rows.map(({ kind, item, fault }) => ({ kind, item: Number(item as unknown), fault }));
    };
    try {
      return await send(false).catch((error: unknown) => {
        if (isUncertain(error)) return send(true);
        throw error;
      });
    } catch (error) {
      if ((error as { code?: unknown }).code === leaseLost) void this.#lease.claim().catch(() => undefined);
      throw unavailable(error);
    }
  }

  async #keep(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stop;
    let away = false;
    for (;;) {
      await clock.sleep(renewMs, signal);
      if (signal.aborted) return;
      try {
        const { held, abandoned } = await this.#lease.renew();
        const more = held ? 0 : await this.#lease.claim();
        if (abandoned + more > 0) {
          logger.warn('the ledger holds intents of unknown outcome', { certificates: abandoned + more });
        }
        await this.#notices.keep(() => this.#lease.holder);
        if (away) logger.info('the ledger’s database answers again', { instance: this.#lease.instance });
        away = false;
      } catch (error) {
        if (!away) logger.error('the ledger’s database does not answer', { error });
        away = true;
      }
    }
  }

  async #rows(name: string | undefined, text: string, ...values: (string | number | Buffer)[]): Promise<Row[]> {
    const query = name === undefined ? { text, values } : { name, text, values };
    return this.#try(async () => (await this.#pool.query<Row>(query)).rows);
  }

  /** A change that the other processes are told of, with what it says. */
  async #change<T>(
    kind: NoticeKind,
    lock: number | undefined,
    work: (run: (text: string, values?: readonly unknown[]) => Promise<number>) => Promise<T>,
  ): Promise<T> {
    return this.#try(() =>
      transaction(this.#pool, async (client) => {
        if (lock !== undefined) await client.query('SELECT pg_advisory_xact_lock($1)', [lock]);
        const result = await work(async (text, values = []) => (await client.query(text, [...values])).rowCount ?? 0);
        await client.query('SELECT pg_notify($1, $2)', [channel, `${kind} ${this.#lease.holder}`]);
        return result;
      }),
    );
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw unavailable(error);
    }
  }
}

const upsertAuthority = `INSERT INTO garrison.authorities (id, state, root, issuing, jwt_key, since)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (id) DO UPDATE SET state = excluded.state, issuing = excluded.issuing, since = excluded.since`;

function numbered(sql: string): string {
  let count = 0;
  return sql.replace(/\?/g, () => `$${(count += 1)}`);
}

/** A server that says done before it is on the disk would let certificates leave that nobody remembers. */
async function checkDurable(pool: Pool): Promise<void> {
  for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    const { rows } = await pool.query<Record<string, string>>(`SHOW ${setting}`);
    if (rows[0]?.[setting] !== 'off') continue;
    throw new GarrisonError('FAILED_PRECONDITION', `the PostgreSQL of the ledger runs with \`${setting} = off\``, {
      place: 'ca.database',
      remedy: `set it on: what is acknowledged must be on the disk`,
    });
  }
}
