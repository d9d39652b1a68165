import { X509Certificate } from 'node:crypto';
import { issuerId } from '#ca/authority-id.ts';
import type { Identity } from '#runtime/identity-source.ts';

/**
 * Whether an identity was signed by an authority that is spent, though its root is sound: another one may stand under the
 * same root. Where the root itself is ours, its being tainted tells it.
 */
export function isSpent({ certificates: [leaf = ''] }: Identity, spent: ReadonlySet<string>): boolean {
  return spent.size > 0 && spent.has(issuerId(new X509Certificate(leaf).raw) ?? '');
}
