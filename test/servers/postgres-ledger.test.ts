import { afterAll, beforeAll } from '@jest/globals';
import { systemClock } from '#runtime/clock.ts';
import { silentLogger } from '#runtime/logger.ts';
import { PostgresLedger } from '#services/ca/ledger/postgres/postgres-ledger.ts';
import { ledgerContract } from '#test/contract/ledger-contract.ts';
import { PostgresServer } from '#test/fakes/postgres-server.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start();
}, 60_000);
afterAll(() => server[Symbol.asyncDispose]());

ledgerContract('postgres', async () =>
  PostgresLedger.open({
    url: await server.database(),
    password: undefined,
    clock: systemClock,
    logger: silentLogger,
  }),
);
