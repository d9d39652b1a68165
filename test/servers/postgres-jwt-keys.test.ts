import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import { JwtAuthorityAdminClient, type JwtSigningKey } from '#proto/gen/garrison/v1/jwt-authority.ts';
import { SpiffeWorkloadAPIClient } from '#proto/gen/spiffe/workload/workload.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { CaProcess } from '#test/fakes/ca-process.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { PostgresServer } from '#test/fakes/postgres-server.ts';
import { registration } from '#test/fakes/running-ca.ts';

const folder = mkdtempSync(join(tmpdir(), 'gpj-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('of two authorities on one PostgreSQL, one rotates the key of JWT-SVIDs and the other signs with it', async () => {
  await using server = await PostgresServer.start();
  const database = await server.database();
  const start = (name: string): Promise<CaProcess> => {
    const policies = join(folder, name, 'policies');
    mkdirSync(policies, { recursive: true });
    writeFileSync(join(policies, '1.yaml'), registration('one', 'one', [ownUid]));
    return CaProcess.start({ folder: join(folder, name), database });
  };
  await using a = await start('a');
  await using b = await start('b');
  const plain = { kind: 'plaintext' } as const;
  const stateOf = (ca: CaProcess, name: string): { path: string } => ({ path: join(ca.folder, 'state', name) });
  const admin = grpcClient(JwtAuthorityAdminClient, stateOf(a, adminSocket), plain);
  const [atA, atB] = [a, b].map((ca) => grpcClient(SpiffeWorkloadAPIClient, stateOf(ca, 'workload.sock'), plain)) as [
    SpiffeWorkloadAPIClient,
    SpiffeWorkloadAPIClient,
  ];
  const metadata = { 'workload.spiffe.io': 'true' };
  const token = async (client: SpiffeWorkloadAPIClient): Promise<string> => {
    const request = { audience: ['db'], spiffeId: '' };
    return (await callUnary(client.fetchJwtsvid.bind(client), request, { metadata })).svids[0]?.svid ?? '';
  };
  const validate = (client: SpiffeWorkloadAPIClient, svid: string): Promise<unknown> =>
    callUnary(client.validateJwtsvid.bind(client), { audience: 'db', svid }, { metadata });
  const change = (step: string, kid = ''): Promise<JwtSigningKey> =>
    callUnary(admin.changeJwtAuthority.bind(admin), { step, kid });

  const old = await token(atB);
  const { kid } = await change('prepare');
  await change('activate', kid);
  while (decodeProtectedHeader(await token(atB)).kid !== kid) await systemClock.sleep(50);
  const next = await token(atB);
  for (const client of [atA, atB]) for (const svid of [old, next]) await validate(client, svid);
  await change('revoke', decodeProtectedHeader(old).kid);
  const refused = (): Promise<boolean> =>
    validate(atB, old).then(
      () => false,
      () => true,
    );
  while (!(await refused())) await systemClock.sleep(50);
  await expect(validate(atA, old)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await validate(atB, await token(atA));
  for (const client of [admin, atA, atB]) client.close();
}, 120_000);
