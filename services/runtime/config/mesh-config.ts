import { type Shape, oneOf, record } from '#schema/index.ts';
import type { Config } from './config.ts';

export type Profile = 'strict' | 'istio';

/** `{ NAMESPACE: strict | istio }`. */
export const namespaceProfilesShape: Shape<ReadonlyMap<string, Profile>> = record(oneOf(['strict', 'istio']));

/** What the meaning of documents depends on, in the words of those who read them. */
export function meshOf(
  config: Config,
): Pick<
  Config,
  'trustDomain' | 'trustDomainAliases' | 'rootNamespace' | 'profile' | 'pathNormalization' | 'trustedHops'
> & { readonly namespaceProfiles?: ReadonlyMap<string, Profile> } {
  const { trustDomain, trustDomainAliases, rootNamespace, profile, profiles, pathNormalization, trustedHops } = config;
  const mesh = { trustDomain, trustDomainAliases, rootNamespace, profile, pathNormalization, trustedHops };
  return profiles.size === 0 ? mesh : { ...mesh, namespaceProfiles: profiles };
}
