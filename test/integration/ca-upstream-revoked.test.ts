import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { systemClock } from '#runtime/clock.ts';
import { requestCertificate } from '#runtime/identity/request-certificate.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { hearTrust } from '#test/fakes/hear-trust.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { issuerOf, SharedRoot, until } from '#test/fakes/shared-root.ts';

const { signal } = new AbortController();
const options = { clock: systemClock, logger: silentLogger, signal };

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
    for (const to of [child, world.running])
      expect(await hearTrust(to, one)).toMatchObject({ revoked: [], refused: [] });
  }
  await world.revoke(authority);
  await until(below, ({ refused = [] }) => refused.length > 0);
  await world.revokeCertificate(thief);
  await until(below, ({ revoked = new Set() }) => revoked.size > 0);
  for (const one of [late, lateBelow, thief]) expect(await hearTrust(child, one)).toBeUndefined();
  // Its own authority is below the one that was revoked.
  expect(await hearTrust(world.running, lateBelow)).toBeUndefined();
  expect(await hearTrust(world.running, former)).toMatchObject({ trustDomain: 'example.org' });
  const told = await hearTrust(child, sound);
  expect(told?.revoked).toHaveLength(1);
  expect((await hearTrust(child, former))?.roots).toHaveLength(1);

  await world.running[Symbol.asyncDispose]();
  await below[Symbol.asyncDispose]();
  await child[Symbol.asyncDispose]();
  await using again = await start();
  for (const one of [late, lateBelow, thief]) expect(await hearTrust(again, one)).toBeUndefined();
  const { revoked, refused } = (await hearTrust(again, sound))!;
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
