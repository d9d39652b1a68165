import { issuerId } from '#ca/authority-id.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Authorities, Authority } from '../authority/authorities.ts';
import type { AuthorityDesk } from '../authority/authority-desk.ts';
import type { Revocations } from '../revocations.ts';
import type { UpstreamNews } from './upstream.ts';
import type { UpstreamSource } from './upstream-source.ts';

/** What follows where the authorities come from. */
export interface Followers {
  readonly authorities: Authorities;
  readonly authorityDesk: AuthorityDesk;
  readonly revocations: Pick<Revocations, 'inherit'>;
}

/**
 * Trust flows down: what the authority above trusts is trusted here; where its root under ours is tainted or gone, or
 * the authority that signed for ours is, a new intermediate is asked for, and what stood on the old one is replaced.
 */
export async function followUpstream(
  source: UpstreamSource,
  { authorities, authorityDesk: desk, revocations }: Followers,
  logger: Logger,
): Promise<void> {
  await source.upstream.follow(async ({ bundle, tainted, spent, revoked, refused }: UpstreamNews) => {
    revocations.inherit({ revoked, refused });
    source.inherit({ revoked, refused });
    if (bundle.length === 0) return; // an authority that trusts nobody is one that has not begun
    source.trust(bundle);
    await desk.retrust();
    const trusted = ({ root, chain }: Authority): boolean =>
      has(bundle, root.der) && !chain.some((der) => has(refused, der));
    const sound = (authority: Authority): boolean =>
      trusted(authority) && !has(tainted, authority.root.der) && !spent.has(issuerId(authority.issuing.der) ?? '');
    if (!sound(authorities.active())) {
      const renewed = await desk.renewIssuing();
      logger.info('what signed above is good no more, a new intermediate took over', { authority: renewed.id });
      if (renewed.state === 'prepared') await desk.activate(renewed.id);
    }
    for (const authority of authorities.trusted()) {
      const { id, state } = authority;
      if (state === 'active' || sound(authority)) continue;
      if (!trusted(authority)) await desk.revoke(id);
      else if (state === 'old') await desk.taint(id);
    }
  });
}

function has(roots: readonly Uint8Array[], root: Uint8Array): boolean {
  return roots.some((one) => Buffer.compare(one, root) === 0);
}
