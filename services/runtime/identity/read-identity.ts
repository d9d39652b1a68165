import { createPrivateKey, X509Certificate } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Identity } from '../identity-source.ts';
import { identifyPeer } from '../peer.ts';

export interface IdentityParts {
  /** PEM, leaf first. */
  readonly certificates: readonly string[];
  readonly privateKey: string;
  readonly bundle: readonly string[];
}

/** Puts an identity together from what an authority or a file gave, and refuses parts that do not belong together. */
export function readIdentity({ certificates, privateKey, bundle }: IdentityParts): Identity {
  const [leaf] = certificates.map((pem) => new X509Certificate(pem));
  if (leaf === undefined || bundle.length === 0) throw refusal('lacks a certificate or a root');
  if (!leaf.checkPrivateKey(createPrivateKey(privateKey))) throw refusal('has a certificate of another key');
  const spiffeId = identifyPeer(leaf, 'client');
  return { spiffeId, certificates, privateKey, bundle, expiresAt: leaf.validToDate };
}

function refusal(why: string): GarrisonError {
  return new GarrisonError('DATA_LOSS', `the identity ${why}`, { remedy: 'get a new one' });
}
