import { Pool, type ClientConfig, type PoolClient } from 'pg';
import { parseIntoClientConfig } from 'pg-connection-string';
import { GarrisonError } from '#proto/errors/index.ts';

export interface DatabaseSettings {
  /** `postgres://USER@HOST:PORT/DATABASE`, without a password. */
  readonly url: string;
  readonly password: string | undefined;
}

const waitMs = 5000;

export function clientConfig({ url, password }: DatabaseSettings): ClientConfig {
  return {
    application_name: 'garrison-ca',
    connectionTimeoutMillis: waitMs,
    statement_timeout: waitMs,
    // A server that went away without a word.
    query_timeout: waitMs + 1000,
    idle_in_transaction_session_timeout: waitMs,
    keepAlive: true,
    ...parseIntoClientConfig(url),
    // Not beside a `connectionString`: what pg reads in that, even an empty password, would win.
    ...(password === undefined ? {} : { password }),
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
  if (isRefusal(cause)) {
    return new GarrisonError('UNAVAILABLE', `the ledger’s database refuses the user or the password${reason}`, {
      place: 'ca.databasePasswordFile',
      remedy: 'write the password of the user in `ca.database` into that file, or look at the server’s `pg_hba.conf`',
      cause,
    });
  }
  return new GarrisonError('UNAVAILABLE', `${message}${reason}`, {
    remedy: 'look at the PostgreSQL of `ca.database`; nothing is signed until it can be written again',
    cause,
  });
}

/** Class 28 is the server's word on who may not come in; without any password the client itself gives up (SASL). */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return (typeof code === 'string' && /^28[0-9A-Z]{3}$/.test(code)) || error.message.startsWith('SASL:');
}

/** True where nobody knows whether the statement took effect: the connection broke, not the statement. */
export function isUncertain(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)) return true;
  // Class 08: connection exception; 57P01–57P03: the server goes or comes.
  return code.startsWith('08') || code.startsWith('57P');
}
