import { parseSpiffeId, parseTrustDomain, type SpiffeId } from '#ca/spiffe-id.ts';

/** Whether a peer that has proved to be `id` is one we want to talk to. */
export type Authorizer = (id: SpiffeId) => boolean;

/** Whoever proves an identity, of the own trust domain or of one it federates with. */
export function anyone(): Authorizer {
  return () => true;
}

/** Every identity of a trust domain: `memberOf('example.org')`. */
export function memberOf(trustDomain: string): Authorizer {
  const wanted = parseTrustDomain(trustDomain);
  return (id) => id.trustDomain === wanted;
}

/** These identities and no others, whole: `oneOf('spiffe://example.org/ns/shop/sa/web')`. */
export function oneOf(...ids: readonly string[]): Authorizer {
  const wanted = new Set(ids.map((id) => parseSpiffeId(id).toString()));
  return (id) => wanted.has(id.toString());
}
