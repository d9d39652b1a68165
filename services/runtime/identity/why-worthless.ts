import { X509Certificate } from 'node:crypto';
import { serialOf } from '#ca/issue/serial.ts';
import type { Identity } from '../identity-source.ts';
import { whyNotBelieved } from '../refused-authorities.ts';
import { standsOnSand } from './is-spent.ts';

/**
 * Why the certificate of an identity proves nothing, by what its authority says now, as the end of a sentence about it;
 * undefined where it does. Nobody lets it in, the authority included: it cannot be renewed by itself.
 */
export function whyWorthless(identity: Identity): string | undefined {
  const { certificates, bundle, revoked } = identity;
  const shown = certificates.map((pem) => new X509Certificate(pem));
  const [leaf] = shown;
  if (leaf !== undefined && revoked?.has(serialOf(leaf)) === true) return 'was revoked';
  if (standsOnSand(identity, { bundle, tainted: [] })) return 'stands on a root that is trusted no more';
  const why = whyNotBelieved(shown, identity);
  return why === undefined ? undefined : `is refused: ${why}`;
}
