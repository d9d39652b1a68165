import { describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { clientConfig, unavailable } from '#services/ca/ledger/postgres/connect.ts';

/** What a client would connect with. */
function connects(url: string, password: string | undefined): Record<string, unknown> {
  const { host, port, user, database, password: given } = new Client(clientConfig({ url, password }));
  return { host, port, user, database, password: given };
}

describe('the connection to the ledger’s database', () => {
  test('has the password of the file, whatever it holds', () => {
    const password = 'p@ss/w:rd ?#%+';
    expect(connects('postgres://scribe@db.corp:5433/ledger', password)).toEqual({
      host: 'db.corp',
      port: 5433,
      user: 'scribe',
      database: 'ledger',
      password,
    });
    expect(connects('postgres://scribe@/ledger?host=%2Frun%2Fpg', password)).toMatchObject({
      host: '/run/pg',
      user: 'scribe',
      password,
    });
  });

  test('has what the address says of it beside host and user', () => {
    const config = clientConfig({ url: 'postgres://scribe@db/ledger?sslmode=verify-full', password: 'secret' });
    expect(config).toMatchObject({ ssl: {}, application_name: 'garrison-ca', keepAlive: true });
  });

  test.each([
    ['28P01', 'password authentication failed for user "scribe"'],
    ['28000', 'no pg_hba.conf entry for host'],
    [undefined, 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'],
  ])('refused (%s): says which setting', (code, message) => {
    const error = unavailable(Object.assign(new Error(message), code === undefined ? {} : { code }));
    expect(error.describe()).toContain('ca.databasePasswordFile');
    expect(error.describe()).toContain(message);
    expect(error.message).not.toContain('does not answer');
  });

  test('not answered: says that', () => {
    expect(unavailable(new Error('connect ECONNREFUSED')).message).toContain('does not answer (connect ECONNREFUSED)');
  });
});
