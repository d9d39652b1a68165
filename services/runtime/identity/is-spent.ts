import { X509Certificate } from 'node:crypto';
import { issuerId } from '#ca/authority-id.ts';
import { isIssuedBy } from '#ca/certificate/is-issued-by.ts';
import type { Identity } from '../identity-source.ts';
import type { TrustNews } from './follow-trust.ts';

/** Whether an identity is to be replaced at once: what vouches for it is tainted, or trusted no more. */
export function isSpent(identity: Identity, news: Pick<TrustNews, 'bundle' | 'tainted' | 'spent'>): boolean {
  return standsOnSand(identity, news) || isSignedBy(identity, news.spent);
}

/** Whether an identity stands on a root that is tainted or trusted no more. */
export function standsOnSand(
  { certificates }: Identity,
  { bundle, tainted }: Pick<TrustNews, 'bundle' | 'tainted'>,
): boolean {
  const last = new X509Certificate(certificates.at(-1) ?? '');
  const isUnder = (root: X509Certificate): boolean => isIssuedBy(last, root);
  return tainted.some(isUnder) || !bundle.some((pem) => isUnder(new X509Certificate(pem)));
}

/**
 * Whether one of these authorities signed an identity. It may be spent though its root is sound, because another one stands
 * under the same root. Where the root itself is the authority, its being tainted tells it.
 */
function isSignedBy({ certificates: [leaf = ''] }: Identity, authorities: ReadonlySet<string>): boolean {
  return authorities.size > 0 && authorities.has(issuerId(new X509Certificate(leaf).raw) ?? '');
}
