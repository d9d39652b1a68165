import { X509Certificate } from 'node:crypto';
import { Metadata } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { splitDer } from '#ca/der/split.ts';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { nodeRegistration } from '#test/fakes/node-documents.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { runAgent } from '#test/fakes/running-agent.ts';
import { registration } from '#test/fakes/running-ca.ts';
import { issuerOf, SharedRoot, until } from '#test/fakes/shared-root.ts';
import { Messages } from '#test/fakes/stream-messages.ts';

const workload = 'spiffe://example.org/ns/shop/sa/first';
const header = new Metadata();
header.set('workload.spiffe.io', 'true');

const leafOf = ({ svids: [svid] }: X509SVIDResponse): X509Certificate =>
  new X509Certificate(splitDer(svid?.x509Svid ?? Buffer.alloc(0), 'svid')[0] ?? '');

test('of two authorities under one root the older is tainted: node and workload are renewed once, and the root is sound', async () => {
  await using cleanUp = new AsyncDisposableStack();
  const world = cleanUp.use(
    await SharedRoot.open({
      'node.yaml': nodeRegistration('east', [workload]),
      'first.yaml': registration('first', 'first', [ownUid]),
    }),
  );
  const { running } = world;
  const token = await joinToken(running, { name: 'east' });
  const { agent, socket } = cleanUp.use(await runAgent({ ca: running.ca.addresses.ca, token }));
  const { identity, trust } = agent.core;
  const client = grpcClient(SpiffeWorkloadAPIClient, { path: socket }, { kind: 'plaintext' });
  cleanUp.defer(() => client.close());
  using messages = new Messages(client.fetchX509Svid({}, header));
  expect(leafOf(await messages.next()).issuer).toContain('issuing 1');

  await world.taintOlder();
  await messages.until((one) => leafOf(one).issuer.includes('issuing 2'));
  await until(identity, (current) => issuerOf(current).includes('issuing 2'));
  await world.tellMore([identity]);

  const node = identity.current().spiffeId.toString();
  expect([await world.issued(node), await world.issued(workload)]).toEqual([2, 2]);
  const { roots, tainted, spent } = trust.toBundle();
  expect([roots.length, tainted.length, spent.length]).toEqual([1, 0, 1]);
});
