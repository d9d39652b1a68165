import type { Relationship } from './relationship.ts';

/** What `/status` says of one relationship. */
export function describeRelationship({ config, current, failure, answered }: Relationship): Record<string, unknown> {
  const { trustDomain, endpoint } = config;
  return {
    trustDomain,
    ...(endpoint === undefined ? {} : { url: endpoint.url.href, profile: endpoint.profile }),
    ...(endpoint?.profile === 'https_spiffe' ? { endpointSpiffeId: endpoint.endpointSpiffeId.toString() } : {}),
    sequence: current?.document.sequence?.toString() ?? null,
    roots: current?.document.roots.length ?? null,
    jwtKeys: current?.document.jwtKeys.length ?? null,
    from: current?.from ?? null,
    answered: answered ?? null,
    ...(failure === undefined ? {} : { failure }),
  };
}
