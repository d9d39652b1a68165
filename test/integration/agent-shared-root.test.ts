import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { splitDer } from '#ca/der/split.ts';
import { serialOf } from '#ca/issue/serial.ts';
import { IdentityAdminClient, type Authority } from '#proto/gen/garrison/v1/identity.ts';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import type { Identity, IdentitySource } from '#runtime/identity-source.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { create, joinToken } from '#test/fakes/certificate-client.ts';
import { nodeRegistration } from '#test/fakes/node-documents.ts';
import { OpensslAuthority, plugIn } from '#test/fakes/openssl-authority.ts';
import { runAgent } from '#test/fakes/running-agent.ts';
import { registration, runCa } from '#test/fakes/running-ca.ts';
import { Messages } from '#test/fakes/stream-messages.ts';

const workload = 'spiffe://example.org/ns/shop/sa/first';
const header = new Metadata();
header.set('workload.spiffe.io', 'true');

const issuerOf = ({ certificates: [leaf = ''] }: Identity): string => new X509Certificate(leaf).issuer;
const leafOf = ({ svids: [svid] }: X509SVIDResponse): X509Certificate =>
  new X509Certificate(splitDer(svid?.x509Svid ?? Buffer.alloc(0), 'svid')[0] ?? '');

async function until(identity: IdentitySource, holds: (current: Identity) => boolean): Promise<void> {
  while (!holds(identity.current())) {
    await new Promise<void>((resolve) => {
      const stop = identity.onChange(() => {
        stop();
        resolve();
      });
    });
  }
}

test('of two authorities under one root the older is tainted: node and workload are renewed once, and the root is sound', async () => {
  using corp = new OpensslAuthority();
  const root = corp.root('one root', 'ec');
  const [older, newer] = [corp.under(root, 'issuing 1'), corp.under(root, 'issuing 2')];
  const folder = mkdtempSync(join(tmpdir(), 'gca-'));
  const files = join(folder, 'cacerts');
  mkdirSync(files);
  plugIn(files, older, [root]);
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rmSync(folder, { recursive: true }));
  const running = cleanUp.use(
    await runCa({
      folder,
      settings: { pluggedIn: files },
      policies: {
        'node.yaml': nodeRegistration('east', [workload]),
        'first.yaml': registration('first', 'first', [`unix:uid:${process.getuid?.() ?? 0}`]),
      },
    }),
  );
  const token = await joinToken(running, { name: 'east' });
  const { agent, socket } = cleanUp.use(await runAgent({ ca: running.ca.addresses.ca, token }));
  const { identity, trust } = agent.core;
  const admin = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, { kind: 'plaintext' });
  cleanUp.defer(() => admin.close());
  const client = grpcClient(SpiffeWorkloadAPIClient, { path: socket }, { kind: 'plaintext' });
  cleanUp.defer(() => client.close());
  using messages = new Messages(client.fetchX509Svid({}, header));
  expect(leafOf(await messages.next()).issuer).toContain('issuing 1');

  plugIn(files, newer, [root]);
  let old: Authority | undefined;
  while (old === undefined) {
    const { authorities } = await callUnary(admin.listAuthorities.bind(admin), {});
    old = authorities.find(({ state }) => state === 'old');
  }
  await callUnary(admin.changeAuthority.bind(admin), { step: 'taint', id: old.id });
  await messages.until((one) => leafOf(one).issuer.includes('issuing 2'));
  await until(identity, (current) => issuerOf(current).includes('issuing 2'));

  // Whatever else is told of trust from here on says again which authorities are spent.
  for (const name of ['a', 'b', 'c']) {
    const bearer = await joinToken(running, { spiffeId: `spiffe://example.org/ns/shop/sa/${name}` });
    const [leaf] = await create(running, { bearer });
    const serial = serialOf(leaf ?? { serialNumber: '' });
    await callUnary(admin.revokeCertificate.bind(admin), { serial, spiffeId: '', reason: 'a test' });
    await until(identity, ({ revoked }) => revoked?.has(serial) === true);
  }
  const issued = async (spiffeId: string): Promise<number> => {
    const filter = { spiffeId, caller: '', state: '', from: undefined, to: undefined, before: 0n, limit: 0 };
    return (await callUnary(admin.listCertificates.bind(admin), filter)).certificates.length;
  };
  expect([await issued(identity.current().spiffeId.toString()), await issued(workload)]).toEqual([2, 2]);
  const { roots, tainted } = trust.toBundle();
  expect([roots.length, tainted.length]).toEqual([1, 0]);
});
