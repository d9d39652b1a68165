import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { systemClock } from '#runtime/clock.ts';
import { silentLogger } from '#runtime/logger.ts';
import { PostgresLedger } from '#services/ca/ledger/postgres/postgres-ledger.ts';
import { PostgresServer } from '#test/fakes/postgres-server.ts';

let server: PostgresServer;
let url: string;
beforeAll(async () => {
  server = await PostgresServer.start();
  url = (await server.database()).replace('garrison@', 'scribe@');
  await server.query('postgres', `CREATE ROLE scribe SUPERUSER LOGIN PASSWORD 's3cret/@'`);
  const rules = join(server.folder, 'data', 'pg_hba.conf');
  writeFileSync(rules, `local all scribe scram-sha-256\n${readFileSync(rules, 'utf8')}`);
  await server.kill();
  await server.up();
}, 60_000);
afterAll(() => server[Symbol.asyncDispose]());

const open = (password: string | undefined): Promise<PostgresLedger> =>
  PostgresLedger.open({ url, password, clock: systemClock, logger: silentLogger });

test('a server that asks for the password gets it', async () => {
  await using ledger = await open('s3cret/@');
  expect(ledger.instance).toBe(1);
});

test.each([['wrong'], [undefined]])('the password %s: refused, with the setting that is wrong', async (password) => {
  await expect(open(password)).rejects.toMatchObject({
    message: expect.stringContaining('refuses the user or the password'),
    place: 'ca.databasePasswordFile',
  });
});
