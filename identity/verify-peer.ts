import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate } from 'node:tls';
import { verifyPath } from '#ca/certificate/verify-path.ts';
import type { SpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { identifyPeer } from '#runtime/peer.ts';
import type { Authorizer } from './authorizers.ts';
import type { X509Context } from './x509-context.ts';

/** As long as anything sensible is, and a bound for what is not. */
const longestChain = 10;

/**
 * Who a peer is, by the roots of the trust domain that its ID names and by no others (SPIFFE X509-SVID §5.2). TLS has
 * proved that it has the key. Throws UNAUTHENTICATED, or PERMISSION_DENIED where it is somebody who is not wanted.
 */
export function verifyPeer(
  chain: readonly Uint8Array[],
  role: 'client' | 'server',
  { bundles }: Pick<X509Context, 'bundles'>,
  authorize: Authorizer,
  now: Date,
): SpiffeId {
  const [leaf] = chain;
  if (leaf === undefined) throw new GarrisonError('UNAUTHENTICATED', 'the peer shows no certificate');
  const id = identifyPeer(new X509Certificate(leaf), role);
  const roots = bundles.get(id.trustDomain);
  if (roots === undefined) {
    throw new GarrisonError('UNAUTHENTICATED', `\`${id.toString()}\` is of a trust domain that is not known here`);
  }
  verifyPath(chain, roots, now);
  if (authorize(id)) return id;
  throw new GarrisonError('PERMISSION_DENIED', `the peer is \`${id.toString()}\`, who is not wanted here`);
}

/** DER, the leaf first. A root is its own issuer; a chain without its root ends in the air, whatever the types say. */
export function chainOf(shown: DetailedPeerCertificate): Buffer[] {
  const chain: Buffer[] = [];
  let at: Partial<DetailedPeerCertificate> | undefined = shown;
  while (at?.raw !== undefined && chain.length < longestChain) {
    const issuer: DetailedPeerCertificate | undefined = at.issuerCertificate;
    // Of a root that was sent or found nothing is needed: those that count are in the bundle.
    if (issuer === at && chain.length > 0) break;
    chain.push(at.raw);
    at = issuer === at ? undefined : issuer;
  }
  return chain;
}
