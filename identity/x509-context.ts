import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { splitDer } from '#ca/der/split.ts';
import { parseSpiffeId, type SpiffeId, type TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { X509SVID, X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { identifyPeer } from '#runtime/peer.ts';

/** An identity of this process, with which it can prove itself in TLS. */
export interface X509Svid {
  readonly id: SpiffeId;
  /** What the operator calls it, where a process has several; empty for none. */
  readonly hint: string;
  /** The leaf first, intermediates after it; never the root. */
  readonly certificates: readonly X509Certificate[];
  readonly privateKey: KeyObject;
  readonly expiresAt: Date;
}

/** Everything that the Workload API says of X.509 at one moment. */
export interface X509Context {
  /** At least one; the first is the default. */
  readonly svids: readonly X509Svid[];
  /** Roots by trust domain: the own one's and those it federates with. What one vouches for says nothing in another. */
  readonly bundles: ReadonlyMap<TrustDomain, readonly X509Certificate[]>;
}

/** Reads a message of FetchX509SVID; whatever does not belong together makes all of it worth nothing. */
export function readX509Response({ svids, federatedBundles }: X509SVIDResponse): X509Context {
  if (svids.length === 0) throw fault('holds no SVID');
  const bundles = new Map<TrustDomain, readonly X509Certificate[]>();
  for (const [name, der] of federatedBundles) bundles.set(trustDomainOf(name), certificates(der, 'federated_bundles'));
  const read = svids.map(readSvid);
  // Last, so that nobody else's word counts in an own trust domain.
  for (const [index, { id }] of read.entries()) {
    const roots = certificates(svids[index]?.bundle ?? new Uint8Array(), 'bundle');
    if (roots.length === 0) throw fault(`has no root for \`${id.toString()}\``);
    bundles.set(id.trustDomain, roots);
  }
  return { svids: read, bundles };
}

function readSvid({ spiffeId, x509Svid, x509SvidKey, hint }: X509SVID): X509Svid {
  const chain = certificates(x509Svid, 'x509_svid');
  const [leaf] = chain;
  if (leaf === undefined) throw fault('holds an SVID without a certificate');
  const privateKey = createPrivateKey({ key: Buffer.from(x509SvidKey), format: 'der', type: 'pkcs8' });
  if (!leaf.checkPrivateKey(privateKey)) throw fault(`has another key for \`${spiffeId}\``);
  const id = identifyPeer(leaf, 'client');
  if (id.toString() !== spiffeId) throw fault(`calls \`${spiffeId}\` what the certificate calls \`${id.toString()}\``);
  return { id, hint, certificates: chain, privateKey, expiresAt: new Date(leaf.validTo) };
}

function certificates(der: Uint8Array, place: string): X509Certificate[] {
  return splitDer(der, place).map((one) => new X509Certificate(one));
}

/** The keys of the Workload API's maps: the SPIFFE ID of a trust domain. */
export function trustDomainOf(name: string): TrustDomain {
  const { trustDomain, path } = parseSpiffeId(name);
  if (path !== '') throw fault(`names \`${name}\`, which is no trust domain`);
  return trustDomain;
}

function fault(what: string): GarrisonError {
  return new GarrisonError('DATA_LOSS', `the message of the Workload API ${what}`, {
    remedy: 'tell whoever runs the endpoint',
  });
}
