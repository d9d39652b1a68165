import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Secret } from '#proto/gen/envoy/extensions/transport_sockets/tls/v3/secret.ts';
import { SecretDiscoveryServiceClient } from '#proto/gen/envoy/service/secret/v3/sds.ts';
import type { DiscoveryResponse } from '#proto/gen/envoy/service/discovery/v3/discovery.ts';
import { systemClock } from '#runtime/clock.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import { silentLogger } from '#runtime/logger.ts';
import { secretType } from '#services/workload/sds/secrets.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration } from '#test/fakes/running-ca.ts';
import { issuerOf, SharedRoot, until } from '#test/fakes/shared-root.ts';
import { Messages } from '#test/fakes/stream-messages.ts';

const options = { clock: systemClock, logger: silentLogger, signal: new AbortController().signal };
const idOf = (name: string): string => `spiffe://example.org/ns/shop/sa/${name}`;

function leafOf({ resources: [secret] }: DiscoveryResponse): X509Certificate {
  const { type } = Secret.decode(secret?.value ?? Buffer.alloc(0));
  const chain = type?.$case === 'tlsCertificate' ? type.value.certificateChain?.specifier : undefined;
  return new X509Certificate(chain?.$case === 'inlineBytes' ? chain.value : '');
}

test('of two authorities under one root the older is tainted: whoever follows the CA itself is renewed once', async () => {
  await using cleanUp = new AsyncDisposableStack();
  const policies = { 'first.yaml': registration('first', 'first', [ownUid]) };
  const world = cleanUp.use(await SharedRoot.open(policies));
  const { running } = world;
  const files = mkdtempSync(join(tmpdir(), 'gsr-'));
  cleanUp.defer(() => rmSync(files, { recursive: true }));
  const token = join(files, 'token');
  writeFileSync(token, await joinToken(running, { spiffeId: idOf('authz') }), { mode: 0o600 });
  const byToken = cleanUp.use(await workloadIdentity({ ca: running.ca.addresses.ca, token }, options));
  const workloadApi = join(running.state, 'workload.sock');
  const bySocket = cleanUp.use(await workloadIdentity({ workloadApi }, options));
  const sds = grpcClient(SecretDiscoveryServiceClient, { path: workloadApi }, { kind: 'plaintext' });
  cleanUp.defer(() => sds.close());
  const stream = sds.streamSecrets();
  using secrets = new Messages<DiscoveryResponse>(stream);
  stream.write({
    versionInfo: '',
    resourceNames: ['default'],
    typeUrl: secretType,
    responseNonce: '',
    errorDetail: undefined,
  });
  expect(leafOf(await secrets.next()).issuer).toContain('issuing 1');
  for (const one of [byToken, bySocket]) expect(issuerOf(one.current())).toContain('issuing 1');

  await world.taintOlder();
  await secrets.until((one) => leafOf(one).issuer.includes('issuing 2'));
  for (const one of [byToken, bySocket]) await until(one, (current) => issuerOf(current).includes('issuing 2'));
  await world.tellMore([byToken, bySocket]);

  expect([await world.issued(idOf('authz')), await world.issued(idOf('first'))]).toEqual([2, 2]);
  expect(byToken.current().bundle).toHaveLength(1);
});
