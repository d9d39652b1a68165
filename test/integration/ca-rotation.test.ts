import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { IdentityAdminClient, type Authority } from '#proto/gen/garrison/v1/identity.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient, type ClientSecurity } from '#runtime/grpc/client.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { Identity, IdentitySource } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const files = mkdtempSync(join(tmpdir(), 'gro-'));
let running: RunningCa;
let admin: IdentityAdminClient;
/** One by the Workload API, one by join token. */
let server: IdentitySource & AsyncDisposable;
let client: IdentitySource & AsyncDisposable;
const options = { clock: systemClock, logger: silentLogger, signal: new AbortController().signal };

beforeAll(async () => {
  running = await runCa({ policies: { 'a.yaml': registration('server', 'server', [ownUid]) } });
  admin = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, { kind: 'plaintext' });
  server = await workloadIdentity({ workloadApi: join(running.state, 'workload.sock') }, options);
  client = await join_('client');
});
afterAll(async () => {
  await Promise.all([server[Symbol.asyncDispose](), client[Symbol.asyncDispose]()]);
  admin.close();
  await running[Symbol.asyncDispose]();
  rmSync(files, { recursive: true });
});

async function join_(name: string): Promise<IdentitySource & AsyncDisposable> {
  const file = join(files, name);
  writeFileSync(file, await joinToken(running, { spiffeId: `spiffe://example.org/ns/shop/sa/${name}` }));
  return workloadIdentity({ ca: running.ca.addresses.ca, token: file }, options);
}

const change = (step: string, id = ''): Promise<Authority> =>
  callUnary(admin.changeAuthority.bind(admin), { step, id });

/** Waits until what a source gives meets a condition. */
async function until(source: IdentitySource, holds: (identity: Identity) => boolean): Promise<void> {
  if (holds(source.current())) return;
  await new Promise<void>((resolve) => {
    const stop = source.onChange((identity) => {
      if (!holds(identity)) return;
      stop();
      resolve();
    });
  });
}

const issuerOf = ({ certificates }: Identity): string => new X509Certificate(certificates.at(-1) ?? '').issuer;
const rootsOf = ({ bundle }: Identity): string[] => bundle.map((pem) => new X509Certificate(pem).subject);

/** Mutual TLS from one to the other. */
async function call(from: IdentitySource, to: IdentitySource): Promise<string> {
  await using echo = new GrpcServer({ logger: silentLogger }).unary(echoService.unary, (text) => text);
  const address = await echo.listen(
    { host: '127.0.0.1', port: 0 },
    { kind: 'tls', identity: to, clientCertificate: 'require' },
  );
  const security: ClientSecurity = {
    kind: 'tls',
    identity: from,
    expect: ({ path }) => path === to.current().spiffeId.path,
  };
  const stub = grpcClient(EchoClient, address, security);
  try {
    return await callUnary(stub.unary.bind(stub), 'hello', { timeoutMs: 3000 });
  } finally {
    stub.close();
  }
}

test('a root is replaced under two that talk: trusted before it signs, left before it goes', async () => {
  const [first] = rootsOf(server.current());
  expect(await call(client, server)).toBe('hello');

  const next = await change('prepare');
  for (const one of [server, client]) await until(one, (identity) => identity.bundle.length === 2);
  expect(rootsOf(client.current())[0]).toBe(first);
  expect(await call(client, server)).toBe('hello');

  await change('activate', next.id);
  const { authorities } = await callUnary(admin.listAuthorities.bind(admin), {});
  expect(authorities.map(({ state }) => state)).toEqual(['old', 'active']);
  const old = authorities[0]!.id;
  // Somebody who joins now stands on the new root, and talks to those on the old one.
  await using newcomer = await join_('newcomer');
  expect(issuerOf(newcomer.current())).not.toBe(issuerOf(client.current()));
  expect(await call(newcomer, server)).toBe('hello');
  expect(await call(client, newcomer)).toBe('hello');

  await change('taint', old);
  for (const one of [server, client]) await until(one, (identity) => issuerOf(identity) !== first);
  expect(await call(client, server)).toBe('hello');

  await change('revoke', old);
  for (const one of [server, client]) await until(one, (identity) => identity.bundle.length === 1);
  expect(rootsOf(server.current())).not.toContain(first);
  expect(await call(client, server)).toBe('hello');
  expect(readFileSync(join(running.state, 'bundle.pem'), 'utf8').match(/BEGIN/g)).toHaveLength(1);
});

describe('the life of an authority has one order', () => {
  test('and each wrong step is refused with the states there are', async () => {
    const { authorities } = await callUnary(admin.listAuthorities.bind(admin), {});
    const active = authorities.find(({ state }) => state === 'active')!.id;
    for (const step of ['activate', 'taint', 'revoke']) {
      await expect(change(step, active)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
      await expect(change(step, 'nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    await expect(change('abolish', active)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const prepared = await change('prepare');
    await expect(change('prepare')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect((await change('revoke', prepared.id)).state).toBe('revoked');
  });

  test('a new intermediate comes under the same root', async () => {
    const before = running.ca.admin;
    expect(before.readiness.missing).toEqual([]);
    await change('renew-issuing');
    await using newcomer = await join_('late');
    expect(issuerOf(newcomer.current())).toBe(rootsOf(client.current())[0]);
    expect(await call(newcomer, server)).toBe('hello');
  });
});

describe('revocation', () => {
  test('of a certificate reaches everybody, who then refuses it', async () => {
    await using thief = await join_('thief');
    expect(await call(thief, server)).toBe('hello');
    const serial = new X509Certificate(thief.current().certificates[0] ?? '').serialNumber;
    const order = { serial, spiffeId: '', reason: 'stolen' };
    await callUnary(admin.revokeCertificate.bind(admin), order);
    for (const one of [server, client]) await until(one, ({ revoked }) => revoked?.size === 1);
    await expect(call(thief, server)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    // As a server it is refused by the client.
    await expect(call(client, thief)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await call(client, server)).toBe('hello');
    await expect(callUnary(admin.revokeCertificate.bind(admin), order)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });

  test('of an identity takes all its certificates', async () => {
    await using one = await join_('many');
    await using two = await join_('many');
    const spiffeId = one.current().spiffeId.toString();
    const { serials } = await callUnary(admin.revokeCertificate.bind(admin), { serial: '', spiffeId, reason: '' });
    expect(serials).toHaveLength(2);
    await until(server, ({ revoked }) => revoked?.size === 3);
    await expect(call(two, server)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
