import { once } from 'node:events';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { splitDer } from '#ca/der/split.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const serialsOf = ({ svids }: X509SVIDResponse): string[] =>
  svids.map(({ x509Svid }) => new X509Certificate(splitDer(x509Svid, 'svid')[0] ?? '').serialNumber.toLowerCase());

/** What the CA's own server shows. */
async function shown({ ca }: RunningCa): Promise<string> {
  const port = 'port' in ca.addresses.ca ? ca.addresses.ca.port : 0;
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber.toLowerCase();
}

test('an SVID that was revoked is replaced, with another key, for whoever is entitled to it still; the authority’s own too', async () => {
  await using running = await runCa({ policies: { '1.yaml': registration('one', 'one', [ownUid]) } });
  const plain = { kind: 'plaintext' } as const;
  const workload = grpcClient(SpiffeWorkloadAPIClient, { path: join(running.state, 'workload.sock') }, plain);
  const admin = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, plain);
  const revoke = (order: { serial?: string; spiffeId?: string }): Promise<{ serials: readonly string[] }> =>
    callUnary(admin.revokeCertificate.bind(admin), { serial: '', spiffeId: '', reason: 'leaked', ...order });
  const header = new Metadata();
  header.set('workload.spiffe.io', 'true');
  const stream = workload.fetchX509Svid({}, header);
  const messages = stream[Symbol.asyncIterator]() as AsyncIterator<X509SVIDResponse>;
  const next = async (): Promise<X509SVIDResponse> => (await messages.next()).value as X509SVIDResponse;

  const first = await next();
  const [serial = ''] = serialsOf(first);
  await revoke({ serial });
  let second = await next();
  while (serialsOf(second)[0] === serial) second = await next();
  expect(second.svids[0]?.x509SvidKey).not.toEqual(first.svids[0]?.x509SvidKey);

  // By its identity: of the two there are, the one that is good.
  expect((await revoke({ spiffeId: 'spiffe://example.org/ns/shop/sa/one' })).serials).toEqual(
    serialsOf(second).map((one) => one.padStart(40, '0')),
  );
  let third = await next();
  while (serialsOf(third)[0] === serialsOf(second)[0]) third = await next();

  const before = await shown(running);
  await revoke({ spiffeId: 'spiffe://example.org/garrison/ca' });
  while ((await shown(running)) === before);
  stream.on('error', () => undefined).cancel();
  workload.close();
  admin.close();
});
