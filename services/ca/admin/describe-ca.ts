import type { CaCore } from '../ca-core.ts';
import type { ConnectedNodes } from '../nodes/connected-nodes.ts';
import type { CaSettings } from '../settings.ts';

/** What `/status` says: agents that are connected, authorities and when they end, and what the process itself shows. */
export function describeCa(
  { authorities, registrations, identity }: CaCore,
  nodes: ConnectedNodes,
  { trustDomain }: CaSettings,
): unknown {
  return {
    trustDomain,
    registrations: registrations.current?.length ?? null,
    identity: { id: identity.current().spiffeId, expires: identity.current().expiresAt },
    agents: nodes.all,
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
