import { generateKeyPairSync } from 'node:crypto';
import { writeRequest } from '#ca/csr/write-request.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { encodePem } from '#ca/pem.ts';
import type { SpiffeId } from '#ca/spiffe-id.ts';
import { IstioCertificateServiceClient } from '#proto/gen/istio/v1/auth/ca.ts';
import type { Address } from '../address.ts';
import { callUnary } from '../grpc/call-unary.ts';
import { grpcClient } from '../grpc/client.ts';
import type { Identity, IdentitySource } from '../identity-source.ts';
import { readIdentity } from './read-identity.ts';

/** How the caller proves who it is. */
export type Proof =
  | { readonly kind: 'token'; readonly token: string; readonly root: string }
  | { readonly kind: 'identity'; readonly identity: IdentitySource };

/** The one server that may be asked. */
export function isAuthority({ path }: SpiffeId): boolean {
  return path === '/garrison/ca';
}

/** Makes a key, which stays here, and asks the authority for a certificate over it. */
export async function requestCertificate(address: Address, proof: Proof, signal: AbortSignal): Promise<Identity> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = encodePem('CERTIFICATE REQUEST', await writeRequest(keySigner(privateKey)));
  const client = grpcClient(IstioCertificateServiceClient, address, {
    kind: 'tls',
    ...(proof.kind === 'token' ? { bundle: [proof.root] } : { identity: proof.identity }),
    expect: isAuthority,
  });
  try {
    const { certChain } = await callUnary(
      client.createCertificate.bind(client),
      { csr, validityDuration: 0n, metadata: undefined },
      { signal, metadata: proof.kind === 'token' ? { authorization: `Bearer ${proof.token}` } : {} },
    );
    const certificates = certChain.slice(0, -1);
    const bundle = certChain.slice(-1);
    return readIdentity({
      certificates,
      privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      bundle,
    });
  } finally {
    client.close();
  }
}
