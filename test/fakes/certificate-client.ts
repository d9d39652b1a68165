import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePem } from '#ca/pem.ts';
import { IdentityAdminClient, type CertificateRecord } from '#proto/gen/garrison/v1/identity.ts';
import { IstioCertificateServiceClient } from '#proto/gen/istio/v1/auth/ca.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient, type ClientSecurity } from '#runtime/grpc/client.ts';
import { staticIdentity, type Identity } from '#runtime/identity-source.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { buildRequest, testKey } from './certificate-requests.ts';
import type { RunningCa } from './running-ca.ts';

export interface Attempt {
  readonly bearer?: string;
  /** The client certificate of the connection. */
  readonly identity?: Identity;
  readonly csr?: string;
  readonly seconds?: bigint;
  readonly metadata?: Record<string, unknown>;
  readonly headers?: Readonly<Record<string, string>>;
}

export const testRequest: string = encodePem('CERTIFICATE REQUEST', buildRequest());

export function bundleOf({ state }: RunningCa): string[] {
  return [readFileSync(join(state, 'bundle.pem'), 'utf8')];
}

/** Calls CreateCertificate as istio-agent and ztunnel do. */
export async function create(running: RunningCa, attempt: Attempt): Promise<X509Certificate[]> {
  const { bearer, identity, seconds = 0n, metadata, csr = testRequest } = attempt;
  const bundle = bundleOf(running);
  const security: ClientSecurity = {
    kind: 'tls',
    expect: (id) => id.toString() === 'spiffe://example.org/garrison/ca',
    ...(identity === undefined ? { bundle } : { identity: staticIdentity({ ...identity, bundle }) }),
  };
  const client = grpcClient(IstioCertificateServiceClient, running.ca.addresses.ca, security);
  try {
    const request = { csr, validityDuration: seconds, metadata };
    const headers = { ...attempt.headers, ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) };
    const { certChain } = await callUnary(client.createCertificate.bind(client), request, { metadata: headers });
    return certChain.map((pem) => new X509Certificate(pem));
  } finally {
    client.close();
  }
}

/** The identity of a chain that `create` got for its own key. */
export function identityOf(chain: readonly X509Certificate[], spiffeId: Identity['spiffeId']): Identity {
  const [leaf] = chain;
  if (leaf === undefined) throw new Error('no certificate came');
  return {
    spiffeId,
    certificates: chain.slice(0, -1).map(String),
    privateKey: testKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    bundle: chain.slice(-1).map(String),
    expiresAt: leaf.validToDate,
  };
}

/** What the ledger knows of a certificate. */
export async function recordOf({ state }: RunningCa, certificate: X509Certificate): Promise<CertificateRecord> {
  const client = grpcClient(IdentityAdminClient, { path: join(state, adminSocket) }, { kind: 'plaintext' });
  try {
    return await callUnary(client.getCertificate.bind(client), { serial: certificate.serialNumber });
  } finally {
    client.close();
  }
}

export interface TokenOrder {
  readonly spiffeId?: string;
  readonly name?: string;
  readonly ttlSeconds?: number;
}

export async function joinToken({ state }: RunningCa, order: TokenOrder): Promise<string> {
  const client = grpcClient(IdentityAdminClient, { path: join(state, adminSocket) }, { kind: 'plaintext' });
  try {
    const request = { spiffeId: '', name: '', dnsNames: [], ttlSeconds: 0, ...order };
    return (await callUnary(client.createToken.bind(client), request)).token;
  } finally {
    client.close();
  }
}
