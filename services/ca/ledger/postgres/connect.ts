import { Pool, type ClientConfig, type PoolClient } from 'pg';
import { GarrisonError } from '#proto/errors/index.ts';

export interface DatabaseSettings {
  /** `postgres://USER@HOST:PORT/DATABASE`, without a password. */
  readonly url: string;
  readonly password: string | undefined;
}

const waitMs = 5000;

export function clientConfig({ url, password }: DatabaseSettings): ClientConfig {
  return {
    connectionString: url,
    ...(password === undefined ? {} : { password }),
    application_name: 'garrison-ca',
    connectionTimeoutMillis: waitMs,
    statement_timeout: waitMs,
    // A server that went away without a word.
    query_timeout: waitMs + 1000,
    idle_in_transaction_session_timeout: waitMs,
    keepAlive: true,
  };
}

export function openPool(settings: DatabaseSettings): Pool {
  const pool = new Pool({ ...clientConfig(settings), max: 6, allowExitOnIdle: true });
  // An idle connection that breaks is replaced by the next query.
  pool.on('error', () => undefined);
  // One that breaks in use rejects what waits on it; without a listener its event would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** One transaction; undone where `work` throws. */
export async function transaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((fault: unknown) => (broken = fault as Error));
    throw error;
  } finally {
    client.release(broken);
  }
}

export function unavailable(cause: unknown, message = 'the ledger’s database does not answer'): GarrisonError {
  if (cause instanceof GarrisonError) return cause;
  const reason = cause instanceof Error && cause.message !== '' ? ` (${cause.message})` : '';
  return new GarrisonError('UNAVAILABLE', `${message}${reason}`, {
    remedy: 'look at the PostgreSQL of `ca.database`; nothing is signed until it can be written again',
    cause,
  });
}

/** True where nobody knows whether the statement took effect: the connection broke, not the statement. */
export function isUncertain(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return true;
  // Class 08: connection exception; 57P01–57P03: the server goes or comes.
  return code.startsWith('08') || code.startsWith('57P');
}
