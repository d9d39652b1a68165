import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { encodePem } from '#ca/pem.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import { IstioCertificateServiceClient } from '#proto/gen/istio/v1/auth/ca.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import { buildRequest } from '#test/fakes/certificate-requests.ts';
import { bundleOf, create, identityOf, joinToken } from '#test/fakes/certificate-client.ts';
import { OpensslAuthority, plugIn } from '#test/fakes/openssl-authority.ts';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const cart = 'spiffe://example.org/ns/shop/sa/cart';

/** One connection with mutual TLS, on which everything below asks. */
async function askInTurn(running: RunningCa, keys: readonly KeyObject[]): Promise<X509Certificate[]> {
  const chain = await create(running, { bearer: await joinToken(running, { spiffeId: cart }) });
  const identity = staticIdentity({ ...identityOf(chain, parseSpiffeId(cart)), bundle: bundleOf(running) });
  const client = grpcClient(IstioCertificateServiceClient, running.ca.addresses.ca, {
    kind: 'tls',
    identity,
    expect: () => true,
  });
  const leaves: X509Certificate[] = [];
  try {
    for (const key of keys) {
      const request = { csr: encodePem('CERTIFICATE REQUEST', buildRequest({}, key)), validityDuration: 0n };
      const { certChain } = await callUnary(client.createCertificate.bind(client), { ...request, metadata: undefined });
      leaves.push(new X509Certificate(certChain[0] ?? ''));
    }
  } finally {
    client.close();
  }
  return leaves;
}

const edwards = generateKeyPairSync('ed25519').privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const [p256, p384] = ['P-256', 'P-384'].map((namedCurve) => generateKeyPairSync('ec', { namedCurve }).privateKey) as [
  KeyObject,
  KeyObject,
];

test('keys of every type are certified by a P-256 authority, one after the other on one connection', async () => {
  await using running = await runCa();
  const keys = [edwards, rsa, p384, p256, edwards, rsa];
  const leaves = await askInTurn(running, keys);
  expect(leaves.map((leaf, index) => leaf.checkPrivateKey(keys[index] ?? p256))).toEqual(keys.map(() => true));
});

test('keys on curves are certified by an RSA authority', async () => {
  using corp = new OpensslAuthority();
  const pluggedIn = mkdtempSync(join(tmpdir(), 'gkt-'));
  try {
    const root = corp.root('root');
    plugIn(pluggedIn, corp.under(root, 'issuing', { pathLength: 0 }), [root]);
    await using running = await runCa({ settings: { pluggedIn } });
    const leaves = await askInTurn(running, [p256, edwards, p384, p256]);
    expect(leaves.map((leaf) => leaf.publicKey.asymmetricKeyType)).toEqual(['ec', 'ed25519', 'ec', 'ec']);
  } finally {
    rmSync(pluggedIn, { recursive: true });
  }
});
