import { readAddress, readBlock } from '#policies/compile/address.ts';
import { parseSpiffeId, type SpiffeId, type TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { XfccCallers } from '#runtime/config/callers-config.ts';
import type { Peer } from '#runtime/peer.ts';
import { contains } from '#services/keys/address-rules.ts';
import type { Authenticator } from '../certificate-service/claim.ts';
import { readForwardedCertificates } from './forwarded-certificate.ts';
import { refuseReserved } from './service-account.ts';

export const forwardedGrant = 'xfcc';

/**
 * By what a proxy in front says of the certificate it was shown. Only a proxy at the other end of this very connection is
 * believed; a caller there that shows a certificate of its own is that certificate's, unless it is a proxy's by name.
 */
export function authenticateForwarded({ from, proxies }: XfccCallers, trustDomain: TrustDomain): Authenticator {
  const blocks = from.map((text) => readBlock(text, true));
  const isProxy = ({ address, spiffeId, unix }: Peer): boolean => {
    const read = unix === undefined ? readAddress(address, true) : undefined;
    if (read === undefined || !blocks.some((block) => contains(block, read))) return false;
    return proxies.length === 0 ? spiffeId === undefined : proxies.includes(spiffeId?.toString() ?? '');
  };
  return ({ metadata, peer }) => {
    const header = metadata.get('x-forwarded-client-cert');
    if (header === undefined || !isProxy(peer)) return undefined;
    const id = nearest(header, trustDomain);
    const warrant = { caller: `xfcc:${peer.address}`, grant: forwardedGrant };
    return { id, dnsNames: [], ttlSeconds: undefined, warrant };
  };
}

/** The last element is what the proxy at the other end saw itself; those before are what others told it. */
function nearest(header: string, trustDomain: TrustDomain): SpiffeId {
  const [uri, ...others] = readForwardedCertificates(header).at(-1)?.get('uri') ?? [];
  // X509-SVID §2: one, and only one.
  if (uri === undefined || others.length > 0) throw refusal('names no identity, or more than one');
  const id = parseSpiffeId(uri);
  if (id.trustDomain !== trustDomain) throw refusal(`names \`${id.toString()}\`, which is of another trust domain`);
  if (id.path === '') throw refusal('names a trust domain');
  refuseReserved(id);
  return id;
}

function refusal(why: string): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', `\`x-forwarded-client-cert\` ${why}`);
}
