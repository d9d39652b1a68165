import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { writeRequest } from '#ca/csr/write-request.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { proofOfPossession } from '#ca/node-proof.ts';
import { decodePems, encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import {
  NodeAttestationClient,
  type AttestRequest,
  type AttestResponse,
  type AttestStart,
  type NodeIdentity,
} from '#proto/gen/garrison/v1/node.ts';
import type { ServiceError } from '@grpc/grpc-js';
import type { Address } from '../address.ts';
import { fromServiceError } from '../grpc/call-unary.ts';
import { grpcClient } from '../grpc/client.ts';
import type { Identity } from '../identity-source.ts';
import { readIdentity } from './read-identity.ts';
import { isAuthority } from './request-certificate.ts';

/** How a machine proves which one it is. */
export type NodeProof =
  | {
      readonly kind: 'x509pop';
      /** PEM: the machine's certificate first, then what is between it and the authority. */
      readonly certificates: string;
      readonly privateKey: string;
    }
  | { readonly kind: 'k8s_psat'; readonly cluster: string; readonly token: string };

const timeoutMs = 20_000;

/** Makes a key, which stays here, and asks the authority, which is known by `bundle` (PEM), for a node's identity over it. */
export async function attestNode(
  address: Address,
  bundle: readonly string[],
  proof: NodeProof,
  signal: AbortSignal,
): Promise<Identity> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const csr = Buffer.from(await writeRequest(keySigner(privateKey)));
  const client = grpcClient(NodeAttestationClient, address, { kind: 'tls', bundle: [...bundle], expect: isAuthority });
  try {
    const call = client.attest({ deadline: Date.now() + timeoutMs });
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const found = await converse(call, csr, proof);
      return readIdentity({
        certificates: found.chain.slice(0, -1).map(toPem),
        privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
        bundle: found.bundle.map(toPem),
      });
    } finally {
      signal.removeEventListener('abort', cancel);
      call.cancel();
    }
  } catch (error) {
    throw error instanceof GarrisonError ? error : fromServiceError(error as ServiceError);
  } finally {
    client.close();
  }
}

type Call = ReturnType<InstanceType<typeof NodeAttestationClient>['attest']>;

async function converse(call: Call, csr: Buffer, proof: NodeProof): Promise<NodeIdentity> {
  const send = (step: AttestRequest['step']): void => void call.write({ step });
  send({ $case: 'start', value: startOf(csr, proof) });
  for await (const { step } of call as AsyncIterable<AttestResponse>) {
    if (step?.$case === 'identity') return step.value;
    if (step?.$case !== 'challenge' || proof.kind !== 'x509pop') break;
    const signer = keySigner(createPrivateKey(proof.privateKey));
    send({ $case: 'answer', value: Buffer.from(await signer.sign(proofOfPossession(step.value, csr))) });
  }
  throw new GarrisonError('DATA_LOSS', 'the authority answers with something that is no step of an attestation');
}

function startOf(csr: Buffer, proof: NodeProof): AttestStart {
  if (proof.kind === 'k8s_psat') {
    const { cluster, token } = proof;
    return { csr, ttlSeconds: 0, proof: { $case: 'k8sPsat', value: { cluster, token } } };
  }
  const chain = decodePems(proof.certificates, 'CERTIFICATE', 'the machine’s certificate').map((der) =>
    Buffer.from(der),
  );
  return { csr, ttlSeconds: 0, proof: { $case: 'x509pop', value: { chain } } };
}

function toPem(der: Uint8Array): string {
  return encodePem('CERTIFICATE', der);
}
