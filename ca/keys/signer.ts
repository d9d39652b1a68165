import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { oids } from '../der/oids.ts';
import { nullValue, oid, sequence } from '../der/write.ts';
import { readPublicKey, type KeyType, type PublicKey } from './public-key.ts';

/** What can sign: a key in memory, or one that a token or a service does not show. */
export interface Signer {
  readonly publicKey: PublicKey;
  /** Only where it is in the memory of this process. */
  readonly privateKey?: KeyObject;
  /** The signature as certificates carry it. */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

const algorithms: Readonly<Record<KeyType, { readonly identifier: Uint8Array; readonly hash: string | null }>> = {
  'ecdsa-p256': { identifier: sequence(oid(oids.ecdsaWithSha256)), hash: 'sha256' },
  'ecdsa-p384': { identifier: sequence(oid(oids.ecdsaWithSha384)), hash: 'sha384' },
  ed25519: { identifier: sequence(oid(oids.ed25519)), hash: null },
  rsa: { identifier: sequence(oid(oids.sha256WithRsa), nullValue()), hash: 'sha256' },
};

/** AlgorithmIdentifier of the one signature algorithm used with keys of a type. */
export function signatureAlgorithm(type: KeyType): Uint8Array {
  return algorithms[type].identifier;
}

export function signatureHash(type: KeyType): string | null {
  return algorithms[type].hash;
}

/** A signer over a private key held in memory. */
export function keySigner(privateKey: KeyObject): Signer {
  const publicKey = readPublicKey(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }));
  const { hash } = algorithms[publicKey.type];
  return { publicKey, privateKey, sign: (message) => sign(hash, message, privateKey) };
}
