import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { TrustClient, type TrustBundle } from '#proto/gen/garrison/v1/identity.ts';
import { systemClock } from '#runtime/clock.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { requestCertificate } from '#runtime/identity/request-certificate.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import { staticIdentity, type Identity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { issuerOf, SharedRoot, until } from '#test/fakes/shared-root.ts';
import { Messages } from '#test/fakes/stream-messages.ts';

const { signal } = new AbortController();
const options = { clock: systemClock, logger: silentLogger, signal };

/** What an authority says of trust to this caller, first; undefined where it does not let it in. */
async function hear({ ca }: RunningCa, identity: Identity): Promise<TrustBundle | undefined> {
  const security = { kind: 'tls', identity: staticIdentity(identity), expect: () => true } as const;
  const client = grpcClient(TrustClient, ca.addresses.ca, security);
  try {
    using messages = new Messages<TrustBundle>(client.watchBundle({}, { deadline: Date.now() + 5000 }));
    return await messages.next();
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

test('what is revoked above, certificates and authorities, is refused below, also by a start while the one above is away', async () => {
  await using cleanUp = new AsyncDisposableStack();
  const policies = {
    'child.yaml': registration('child', 'child-ca', ['token:child'], '  downstream: true\n  x509Ttl: 24h\n'),
  };
  const world = cleanUp.use(await SharedRoot.open(policies));
  const above = world.running.ca.addresses.ca;
  const folder = mkdtempSync(join(tmpdir(), 'gus-'));
  cleanUp.defer(() => rmSync(folder, { recursive: true }));
  const tokenFor = async (running: RunningCa, name: string): Promise<string> => {
    const token = join(folder, name);
    const spiffeId = `spiffe://example.org/ns/shop/sa/${name}`;
    writeFileSync(token, await joinToken(running, { spiffeId }), { mode: 0o600 });
    return token;
  };
  const somebody = async (name: string): Promise<Identity> => {
    await using source = await workloadIdentity({ ca: above, token: await tokenFor(world.running, name) }, options);
    return source.current();
  };
  const forChild = join(folder, 'child-token');
  writeFileSync(forChild, await joinToken(world.running, { name: 'child' }), { mode: 0o600 });
  const settings = { upstream: { spiffe: { address: above, identity: { token: forChild } } } };
  const start = (): Promise<RunningCa> => runCa({ folder, settings });
  await using child = await start();
  const token = await tokenFor(child, 'below');
  const below = await workloadIdentity({ ca: child.ca.addresses.ca, token }, options);
  const [late, lateBelow] = [await somebody('late'), below.current()];

  const authority = await world.taintOlder();
  await until(below, ({ certificates: [, issuing = ''] }) =>
    issuerOf({ certificates: [issuing] }).includes('issuing 2'),
  );
  const [sound, thief] = [await somebody('sound'), await somebody('thief')];
  const former = below.current();
  for (const one of [late, lateBelow, sound, thief, former]) {
    for (const to of [child, world.running]) expect(await hear(to, one)).toMatchObject({ revoked: [], refused: [] });
  }
  await world.revoke(authority);
  await until(below, ({ refused = [] }) => refused.length > 0);
  await world.revokeCertificate(thief);
  await until(below, ({ revoked = new Set() }) => revoked.size > 0);
  for (const one of [late, lateBelow, thief]) expect(await hear(child, one)).toBeUndefined();
  // Its own authority is below the one that was revoked.
  expect(await hear(world.running, lateBelow)).toBeUndefined();
  expect(await hear(world.running, former)).toMatchObject({ trustDomain: 'example.org' });
  const told = await hear(child, sound);
  expect(told?.revoked).toHaveLength(1);
  expect((await hear(child, former))?.roots).toHaveLength(1);

  await world.running[Symbol.asyncDispose]();
  await below[Symbol.asyncDispose]();
  await child[Symbol.asyncDispose]();
  await using again = await start();
  for (const one of [late, lateBelow, thief]) expect(await hear(again, one)).toBeUndefined();
  const { revoked, refused } = (await hear(again, sound))!;
  expect({ revoked, refused }).toEqual({ revoked: told?.revoked, refused: told?.refused });
  const renewed = await requestCertificate(again.ca.addresses.ca, { kind: 'identity', identity: below }, signal);
  expect(renewed.spiffeId.path).toBe('/ns/shop/sa/below');
}, 30_000);

test('a process that begins while its authority is away refuses what was revoked', async () => {
  await using cleanUp = new AsyncDisposableStack();
  const world = cleanUp.use(await SharedRoot.open({}));
  const folder = mkdtempSync(join(tmpdir(), 'gus-'));
  cleanUp.defer(() => rmSync(folder, { recursive: true }));
  const token = join(folder, 'token');
  const spiffeId = 'spiffe://example.org/ns/shop/sa/first';
  writeFileSync(token, await joinToken(world.running, { spiffeId }), { mode: 0o600 });
  const source = { ca: world.running.ca.addresses.ca, token };
  const before = await workloadIdentity(source, options);
  const authority = await world.taintOlder();
  await until(before, (current) => issuerOf(current).includes('issuing 2'));
  await world.revoke(authority);
  await until(before, ({ refused = [] }) => refused.length > 0);
  await world.tellMore([before]);
  const { revoked, refused } = before.current();
  await before[Symbol.asyncDispose]();
  await world.running[Symbol.asyncDispose]();

  await using after = await workloadIdentity(source, options);
  expect(after.current()).toMatchObject({ revoked, refused });
  expect([revoked?.size, refused?.length]).toEqual([3, 1]);
});
