import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { toBundleDocument } from '#ca/bundle/write-bundle.ts';
import { jwtKeyOf } from '#ca/jwt/jwt-key.ts';
import { mintJwt } from '#ca/jwt/mint-jwt.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
import { FederationAdminClient } from '#proto/gen/garrison/v1/federation.ts';
import { SpiffeWorkloadAPIClient } from '#proto/gen/spiffe/workload/workload.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { nodeRegistration } from '#test/fakes/node-documents.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { runAgent } from '#test/fakes/running-agent.ts';
import { registration, runCa } from '#test/fakes/running-ca.ts';
import { Messages } from '#test/fakes/stream-messages.ts';
import { testAuthority } from '#test/fakes/test-authority.ts';

const partner = 'spiffe://partner.example';

test('bundles of other trust domains reach the workloads of a node that federate with them, and no others', async () => {
  const trustDomain = parseTrustDomain('partner.example');
  await using running = await runCa({
    settings: { federation: [{ trustDomain, endpoint: undefined, bundle: undefined, refreshMs: undefined }] },
    policies: {
      'node.yaml': nodeRegistration('east', ['spiffe://example.org/ns/shop/*']),
      '1.yaml': registration('cart', 'cart', [ownUid], '  federatesWith: [partner.example]\n'),
    },
  });
  const socket = { path: join(running.state, adminSocket) };
  const federation = grpcClient(FederationAdminClient, socket, { kind: 'plaintext' });
  await using node = await runAgent({ ca: running.ca.addresses.ca, token: await joinToken(running, { name: 'east' }) });
  const client = grpcClient(SpiffeWorkloadAPIClient, { path: node.socket }, { kind: 'plaintext' });
  const header = new Metadata();
  header.set('workload.spiffe.io', 'true');
  using messages = new Messages(client.fetchX509Svid({}, header));
  expect([...(await messages.next()).federatedBundles.keys()]).toEqual([]);

  const { root } = await testAuthority(new Date(), 'P-256', trustDomain);
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwtKey = jwtKeyOf(key.publicKey.export({ format: 'der', type: 'spki' }));
  const document = JSON.stringify(
    toBundleDocument({ trustDomain, roots: [root.der], jwtKeys: [jwtKey], sequence: 7, refreshHintSeconds: 300 }),
  );
  await callUnary(federation.setDocument.bind(federation), { trustDomain: 'partner.example', document });
  const told = await messages.until(({ federatedBundles }) => federatedBundles.size > 0);
  expect(Buffer.compare(told.federatedBundles.get(partner) ?? Buffer.alloc(0), root.der)).toBe(0);

  const now = new Date();
  const signer = { kid: jwtKey.kid, signer: keySigner(key.privateKey) };
  const svid = await mintJwt({ id: parseSpiffeId(`${partner}/a`), audience: ['db'], now, seconds: 60 }, signer);
  const metadata = { 'workload.spiffe.io': 'true' };
  const validated = await callUnary(client.validateJwtsvid.bind(client), { audience: 'db', svid }, { metadata });
  expect(validated.spiffeId).toBe(`${partner}/a`);

  running.writePolicy('1.yaml', registration('cart', 'cart', [ownUid]));
  await messages.until(({ federatedBundles }) => federatedBundles.size === 0);
  await expect(
    callUnary(client.validateJwtsvid.bind(client), { audience: 'db', svid }, { metadata }),
  ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  for (const one of [client, federation]) one.close();
});
