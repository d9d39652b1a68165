/** What holds for the whole mesh and is said in its configuration, not in a document. */
export interface Mesh {
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  /** Documents of this namespace apply to every namespace. */
  readonly rootNamespace: string;
  readonly profile: Profile;
  /** Namespaces whose workloads have another profile than the mesh. */
  readonly namespaceProfiles?: ReadonlyMap<string, Profile>;
  /** Null: what the profile does by default. */
  readonly pathNormalization: PathNormalization | null;
  /** X-Forwarded-For entries that trusted proxies have added. */
  readonly trustedHops: number;
}

export const profiles = ['strict', 'istio'] as const;
export type Profile = (typeof profiles)[number];

/** The profile of the workloads of a namespace. */
export function profileIn({ namespaceProfiles, profile }: Mesh, namespace: string): Profile {
  return namespaceProfiles?.get(namespace) ?? profile;
}

export const pathNormalizations = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;
export type PathNormalization = (typeof pathNormalizations)[number];

export const defaultMesh: Mesh = {
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  rootNamespace: 'istio-system',
  profile: 'strict',
  pathNormalization: null,
  trustedHops: 0,
};
