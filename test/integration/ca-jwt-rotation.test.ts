import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, expect, test } from '@jest/globals';
import { decodeProtectedHeader } from 'jose';
import { JwtAuthorityAdminClient, type JwtSigningKey } from '#proto/gen/garrison/v1/jwt-authority.ts';
import { FederationAdminClient } from '#proto/gen/garrison/v1/federation.ts';
import { SpiffeWorkloadAPIClient } from '#proto/gen/spiffe/workload/workload.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa, type RunningCaOptions } from '#test/fakes/running-ca.ts';

const folder = mkdtempSync(join(tmpdir(), 'gjr-'));
afterAll(() => rmSync(folder, { recursive: true }));
const policies = { '1.yaml': registration('one', 'one', [ownUid]) };

interface Clients extends AsyncDisposable {
  readonly running: RunningCa;
  token(): Promise<string>;
  /** The subject, where it validates. */
  validate(svid: string): Promise<string>;
  /** Key ids of the bundle, by the stream of the Workload API, as soon as there are so many. */
  published(count: number): Promise<string[]>;
  list(): Promise<readonly JwtSigningKey[]>;
  change(step: string, kid?: string): Promise<JwtSigningKey>;
  sequence(): Promise<number>;
}

async function start(options: RunningCaOptions = {}): Promise<Clients> {
  const running = await runCa({ policies, ...options });
  const socket = { path: join(running.state, adminSocket) };
  const workload = grpcClient(
    SpiffeWorkloadAPIClient,
    { path: join(running.state, 'workload.sock') },
    { kind: 'plaintext' },
  );
  const admin = grpcClient(JwtAuthorityAdminClient, socket, { kind: 'plaintext' });
  const federation = grpcClient(FederationAdminClient, socket, { kind: 'plaintext' });
  const metadata = { 'workload.spiffe.io': 'true' };
  const header = new Metadata();
  header.set('workload.spiffe.io', 'true');
  return {
    running,
    token: async () => {
      const request = { audience: ['db'], spiffeId: '' };
      const { svids } = await callUnary(workload.fetchJwtsvid.bind(workload), request, { metadata });
      return svids[0]?.svid ?? '';
    },
    validate: async (svid) => {
      const request = { audience: 'db', svid };
      return (await callUnary(workload.validateJwtsvid.bind(workload), request, { metadata })).spiffeId;
    },
    published: async (count) => {
      const stream = workload.fetchJwtBundles({}, header);
      try {
        for await (const message of stream) {
          const { bundles } = message as { bundles: Map<string, Buffer> };
          const text = bundles.get('spiffe://example.org')?.toString() ?? '';
          const kids = (JSON.parse(text) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
          if (kids.length === count) return kids;
        }
        throw new Error('the stream ended');
      } finally {
        stream.on('error', () => undefined).cancel();
      }
    },
    list: async () => (await callUnary(admin.listJwtAuthorities.bind(admin), {})).authorities,
    change: (step, kid = '') => callUnary(admin.changeJwtAuthority.bind(admin), { step, kid }),
    sequence: async () => {
      const { document } = await callUnary(federation.getDocument.bind(federation), { trustDomain: '' });
      return (JSON.parse(document) as { spiffe_sequence: number }).spiffe_sequence;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of [workload, admin, federation]) client.close();
      await running[Symbol.asyncDispose]();
    },
  };
}

const kidOf = (svid: string): string => decodeProtectedHeader(svid).kid ?? '';

test('a key of JWT-SVIDs is known before it signs, believed after, and worth nothing once revoked; roots are not touched', async () => {
  const one = await start({ folder });
  const first = await one.token();
  expect(await one.list()).toMatchObject([{ kid: kidOf(first), state: 'active' }]);
  const sequences = [await one.sequence()];

  const next = await one.change('prepare');
  sequences.push(await one.sequence());
  expect(await one.published(2)).toEqual([kidOf(first), next.kid]);
  expect(kidOf(await one.token())).toBe(kidOf(first));
  await expect(one.change('prepare')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });

  await one.change('activate', next.kid);
  sequences.push(await one.sequence());
  const second = await one.token();
  expect(kidOf(second)).toBe(next.kid);
  for (const svid of [first, second]) expect(await one.validate(svid)).toBe('spiffe://example.org/ns/shop/sa/one');
  expect((await one.list()).map(({ kid, state }) => [kid, state])).toEqual([
    [next.kid, 'active'],
    [kidOf(first), 'old'],
  ]);
  await expect(one.change('revoke', next.kid)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  await expect(one.change('activate', kidOf(first))).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  await expect(one.change('revoke', 'nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });

  await one.change('revoke', kidOf(first));
  sequences.push(await one.sequence());
  expect(await one.published(1)).toEqual([next.kid]);
  await expect(one.validate(first)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect(await one.validate(second)).toBe('spiffe://example.org/ns/shop/sa/one');
  // Strictly: every change of content has a number of its own.
  expect(new Set(sequences).size).toBe(sequences.length);
  expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));

  // Over a restart, and once more: then the private key of the one before goes too.
  await one[Symbol.asyncDispose]();
  await using again = await start({ folder });
  expect(kidOf(await again.token())).toBe(next.kid);
  const third = await again.change('prepare');
  await again.change('activate', third.kid);
  await again.change('revoke', next.kid);
  await expect(again.validate(second)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect(kidOf(await again.token())).toBe(third.kid);
  const keys = join(again.running.state, 'ca/authorities');
  const kept = readdirSync(keys).filter((name) => existsSync(join(keys, name, 'jwt-key.pem')));
  // Of the authority that everything began with, and of the key that signs.
  expect(kept).toHaveLength(2);
});

test('keys follow one another by age alone', async () => {
  const rules = { lifeMs: 3000, aheadMs: 1000, afterMs: 1000 };
  await using one = await start({ settings: { jwtKeyRules: rules } });
  const first = await one.token();
  const [before, next] = await one.published(2);
  expect(before).toBe(kidOf(first));
  const signing = async (): Promise<string> => kidOf(await one.token());
  while ((await signing()) !== next) expect(await signing()).toBeTruthy();
  expect(await one.validate(first)).toBe('spiffe://example.org/ns/shop/sa/one');
  while ((await one.list()).find(({ kid }) => kid === before)?.state !== 'revoked') await one.token();
  await expect(one.validate(first)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
