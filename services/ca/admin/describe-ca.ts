import type { CaCore } from '../ca-core.ts';
import type { CaSettings } from '../settings.ts';

/** What `/status` says: authorities and when they end, and what the process itself shows. */
export function describeCa({ authorities, registrations, identity }: CaCore, { trustDomain }: CaSettings): unknown {
  return {
    trustDomain,
    registrations: registrations.current?.length ?? null,
    identity: { id: identity.current().spiffeId, expires: identity.current().expiresAt },
    authorities: authorities.all.map(({ id, state, since, root, issuing, signers }) => ({
      id,
      state,
      since,
      signs: signers !== undefined && state === 'active',
      rootExpires: root.validity.notAfter,
      issuingExpires: issuing.validity.notAfter,
    })),
  };
}
