import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { GarrisonError } from '#proto/errors/index.ts';
import { transaction } from './connect.ts';
import { locks } from './locks.ts';

/** By the database's clock. A process that was killed is cleared up after this time. */
export const leaseSeconds = 10;
export const renewMs = 3000;

/**
 * Which first byte of serials is this process' own. Claimed anew at every start, so that nobody takes what another is
 * about to sign for abandoned; every write is refused that comes under a lease which has gone to somebody else.
 */
export class Lease {
  readonly #pool: Pool;
  #instance = 0;
  #holder = randomUUID();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  get instance(): number {
    return this.#instance;
  }

  get holder(): string {
    return this.#holder;
  }

  /** How many intents of processes that are no more became `unknown`. */
  async claim(): Promise<number> {
    const holder = randomUUID();
    const { instance, abandoned } = await transaction(this.#pool, async (client) => {
      const cleared = await clearExpired(client);
      const { rows } = await client.query<{ instance: number }>(
        `INSERT INTO garrison.instances
         SELECT n, $1, now(), now() + make_interval(secs => $2) FROM generate_series(1, 127) n
         WHERE n NOT IN (SELECT instance FROM garrison.instances) ORDER BY n LIMIT 1 RETURNING instance`,
        [holder, leaseSeconds],
      );
      return { instance: rows[0]?.instance, abandoned: cleared };
    });
    if (instance === undefined) {
      throw new GarrisonError('RESOURCE_EXHAUSTED', '127 authorities share this ledger already', {
        remedy: 'stop one of them',
      });
    }
    this.#instance = instance;
    this.#holder = holder;
    return abandoned;
  }

  /** False: the lease ran out and somebody else cleared it away. */
  async renew(): Promise<{ held: boolean; abandoned: number }> {
    return transaction(this.#pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE garrison.instances SET leased_until = now() + make_interval(secs => $3)
         WHERE instance = $1 AND holder = $2`,
        [this.#instance, this.#holder, leaseSeconds],
      );
      const held = rowCount === 1;
      const { rows } = await client.query('SELECT FROM garrison.instances WHERE leased_until < now() LIMIT 1');
      return { held, abandoned: rows.length === 0 ? 0 : await clearExpired(client) };
    });
  }

  async release(): Promise<void> {
    await this.#pool.query('DELETE FROM garrison.instances WHERE instance = $1 AND holder = $2', [
      this.#instance,
      this.#holder,
    ]);
  }
}

async function clearExpired(client: PoolClient): Promise<number> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [locks.instances]);
  const { rows } = await client.query<{ instance: number; since: string }>(
    `DELETE FROM garrison.instances WHERE leased_until < now()
     RETURNING instance, (extract(epoch FROM claimed_at) * 1000)::bigint AS since`,
  );
  let abandoned = 0;
  for (const { instance, since } of rows) abandoned += await abandonIntents(client, instance, Number(since));
  return abandoned;
}

/** Clocks of database and authority may differ by so much. */
const skewMs = 3_600_000;

/** Serials begin with instance and time: only what was intended since the claim is looked at. */
export async function abandonIntents(client: PoolClient, instance: number, sinceMs: number): Promise<number> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [locks.order]);
  const from = Buffer.alloc(6);
  from[0] = instance;
  from.writeUIntBE(Math.max(0, sinceMs - skewMs) % 2 ** 40, 1, 5);
  const { rowCount } = await client.query(
    `INSERT INTO garrison.outcomes (number, state, concluded_at)
     SELECT i.number, 'unknown', i.requested_at FROM garrison.intents i
     WHERE i.serial >= $1 AND i.serial < $2
       AND NOT EXISTS (SELECT FROM garrison.outcomes o WHERE o.number = i.number)
     ORDER BY i.number ON CONFLICT (number) DO NOTHING`,
    [from, Buffer.of(instance + 1)],
  );
  return rowCount ?? 0;
}
