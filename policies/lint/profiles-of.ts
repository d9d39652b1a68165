import { profileIn } from '../documents/mesh.ts';
import type { Profile } from '../documents/mesh.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';

/**
 * The profiles that a policy may be read in: that of its namespace, and all there are for one of the root namespace. What is
 * proven of it must hold in each, what is warned of need hold in one.
 */
export function profilesOf(
  { metadata: { namespace } }: AuthorizationPolicy,
  { mesh }: Pick<PolicySet, 'mesh'>,
): ReadonlySet<Profile> {
  if (namespace !== mesh.rootNamespace) return new Set([profileIn(mesh, namespace)]);
  return new Set([mesh.profile, ...(mesh.namespaceProfiles?.values() ?? [])]);
}
