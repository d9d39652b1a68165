import { createHash } from 'node:crypto';

export const challengeBytes = 32;

/**
 * What a node signs with the key of its machine's certificate. The request for the new identity is part of it, so that
 * the answer to a challenge buys a certificate for that key and no other; the name in front, so that no other protocol's
 * signature is ever one of these.
 */
export function proofOfPossession(challenge: Uint8Array, csr: Uint8Array): Uint8Array {
  const name = Buffer.from('garrison.v1.NodeAttestation x509pop\0', 'latin1');
  return Buffer.concat([name, createHash('sha256').update(csr).digest(), challenge]);
}
