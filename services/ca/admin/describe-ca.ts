import { authorityId } from '#ca/authority-id.ts';
import type { Trouble } from '../authority/renewal-trouble.ts';
import type { CaCore } from '../ca-core.ts';
import type { ConnectedNodes } from '../nodes/connected-nodes.ts';
import { describeRelationship } from '../federation/describe-federation.ts';
import type { CaSettings } from '../settings.ts';

/** What `/status` says: agents that are connected, authorities and when they end, and what the process itself shows. */
export function describeCa(
  { authorities, registrations, identity, federation, origin }: CaCore,
  nodes: ConnectedNodes,
  { trustDomain }: CaSettings,
  due: Trouble | undefined,
): unknown {
  return {
    trustDomain,
    registrations: registrations.current?.length ?? null,
    identity: { id: identity.current().spiffeId, expires: identity.current().expiresAt },
    agents: nodes.all,
    federation: federation.all().map(describeRelationship),
    // Named by registrations, and nothing is known of them: these registrations get less than they ask for.
    notFederated: federation.unknown(registrations.current ?? []),
    authoritiesFrom: origin.describe(),
    // What age asks for and could not be done.
    due: due ?? null,
    authorities: authorities.all.map(({ id, state, since, root, issuing, signers }) => ({
      id,
      state,
      since,
      signs: signers !== undefined && state === 'active',
      root: authorityId(root),
      rootExpires: root.validity.notAfter,
      issuingExpires: issuing.validity.notAfter,
    })),
  };
}
