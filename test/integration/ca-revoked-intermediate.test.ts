import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { serialOf } from '#ca/issue/serial.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { Identity, IdentitySource } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { hearTrust } from '#test/fakes/hear-trust.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { until } from '#test/fakes/shared-root.ts';

const { signal } = new AbortController();
const options = { clock: systemClock, logger: silentLogger, signal };
const serialAt = ({ certificates }: Identity, place: number): string =>
  serialOf(new X509Certificate(certificates[place] ?? ''));

class World extends AsyncDisposableStack {
  readonly folder = mkdtempSync(join(tmpdir(), 'gri-'));

  constructor() {
    super();
    this.defer(() => rmSync(this.folder, { recursive: true }));
  }

  async follower(running: RunningCa, name: string): Promise<IdentitySource & AsyncDisposable> {
    const token = join(this.folder, name);
    const spiffeId = `spiffe://example.org/ns/shop/sa/${name}`;
    writeFileSync(token, await joinToken(running, { spiffeId }), { mode: 0o600 });
    return this.use(await workloadIdentity({ ca: running.ca.addresses.ca, token }, options));
  }

  admin({ state }: RunningCa): { revoke(serial: string): Promise<unknown>; renewIssuing(): Promise<unknown> } {
    const client = grpcClient(IdentityAdminClient, { path: join(state, adminSocket) }, { kind: 'plaintext' });
    this.defer(() => client.close());
    return {
      revoke: (serial) =>
        callUnary(client.revokeCertificate.bind(client), { serial, spiffeId: '', reason: 'key stolen' }),
      renewIssuing: () => callUnary(client.changeAuthority.bind(client), { step: 'renew-issuing', id: '' }),
    };
  }
}

test('the former intermediate of an authority is revoked by its serial, with all that stands under it; the root stays', async () => {
  await using world = new World();
  const running = world.use(await runCa({ policies: { '1.yaml': registration('one', 'one', [ownUid]) } }));
  const admin = world.admin(running);
  const older = (await world.follower(running, 'older')).current();
  const workloadApi = join(running.state, 'workload.sock');
  const bySocket = world.use(await workloadIdentity({ workloadApi }, options));
  const former = serialAt(older, 1);
  expect(serialAt(bySocket.current(), 1)).toBe(former);
  await expect(admin.revoke(former)).rejects.toThrow(/the certificate of an authority/);
  await admin.renewIssuing();
  const newer = await world.follower(running, 'newer');
  expect(serialAt(newer.current(), 1)).not.toBe(former);
  expect(await hearTrust(running, older)).toMatchObject({ refused: [], spent: [] });

  await admin.revoke(former);
  await until(newer, ({ refused = [] }) => refused.length === 1);
  expect(await hearTrust(running, older)).toBeUndefined();
  const told = await hearTrust(running, newer.current());
  expect([told?.roots.length, told?.refused.length, told?.spent.length]).toEqual([1, 1, 1]);
  // Whoever is entitled to it by the Workload API has another one at once.
  await until(bySocket, (current) => serialAt(current, 1) !== former);
  await expect(admin.revoke(serialAt(newer.current(), 1))).rejects.toThrow(/the certificate of an authority/);
});

test('so is that of an authority below: it has another one, and what it signed before is refused above and below', async () => {
  await using world = new World();
  const child = registration('child', 'child-ca', ['token:child'], '  downstream: true\n  x509Ttl: 24h\n');
  const above = world.use(await runCa({ policies: { 'child.yaml': child } }));
  const token = join(world.folder, 'child');
  writeFileSync(token, await joinToken(above, { name: 'child' }), { mode: 0o600 });
  const upstream = { spiffe: { address: above.ca.addresses.ca, identity: { token } } };
  const below = world.use(await runCa({ settings: { upstream } }));
  const older = (await world.follower(below, 'older')).current();
  const other = await world.follower(above, 'other');
  for (const one of [above, below]) expect(await hearTrust(one, older)).toMatchObject({ refused: [] });
  const before = (await hearTrust(below, older))?.sequence ?? 0n;
  await world.admin(above).revoke(serialAt(older, 1));
  await until(other, ({ refused = [] }) => refused.length === 1);
  for (;;) {
    const told = await hearTrust(below, other.current());
    // Another one signs there, and the former is refused.
    if (told?.refused.length === 1 && told.sequence > before) break;
  }
  for (const one of [above, below]) expect(await hearTrust(one, older)).toBeUndefined();
  const newer = (await world.follower(below, 'newer')).current();
  expect(serialAt(newer, 1)).not.toBe(serialAt(older, 1));
  for (const one of [above, below]) expect(await hearTrust(one, newer)).toMatchObject({ trustDomain: 'example.org' });
}, 30_000);
