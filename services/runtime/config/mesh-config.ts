import type { TrustDomain } from '#ca/spiffe-id.ts';
import { type Shape, oneOf, record } from '#schema/index.ts';

export const pathNormalizations = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;

export type Profile = 'strict' | 'istio';

/** What the meaning of documents depends on, as `garrison.yaml` says it. */
export interface MeshConfig {
  readonly trustDomain: TrustDomain;
  readonly trustDomainAliases: readonly TrustDomain[];
  readonly rootNamespace: string;
  readonly profile: Profile;
  /** Namespaces whose workloads have another. */
  readonly profiles: ReadonlyMap<string, Profile>;
  readonly pathNormalization: (typeof pathNormalizations)[number] | null;
  readonly trustedHops: number;
}

/** `{ NAMESPACE: strict | istio }`. */
export const namespaceProfilesShape: Shape<ReadonlyMap<string, Profile>> = record(oneOf(['strict', 'istio']));

/** The same in the words of those who read documents. */
export function meshOf(
  config: MeshConfig,
): Omit<MeshConfig, 'profiles'> & { readonly namespaceProfiles?: ReadonlyMap<string, Profile> } {
  const { trustDomain, trustDomainAliases, rootNamespace, profile, profiles, pathNormalization, trustedHops } = config;
  const mesh = { trustDomain, trustDomainAliases, rootNamespace, profile, pathNormalization, trustedHops };
  return profiles.size === 0 ? mesh : { ...mesh, namespaceProfiles: profiles };
}
