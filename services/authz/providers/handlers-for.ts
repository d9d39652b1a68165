import type { Handler } from '#policies/documents/model.ts';
import type { PolicySet } from '#policies/documents/policy-set.ts';
import type { RequiredProvider } from '#policies/index.ts';

/**
 * A Handler in the policy's namespace, else in the root namespace. Where policies of the root namespace name the provider
 * too, the one there is asked in any case: a namespace must not put its own in the place of what the mesh demands.
 */
export function handlersFor(
  { name, policy }: RequiredProvider,
  { handlers, authorization, mesh }: PolicySet,
): Handler[] {
  const inNamespace = (namespace: string): Handler | undefined =>
    handlers.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
  const near = inNamespace(policy.slice(0, policy.indexOf('/')));
  const root = inNamespace(mesh.rootNamespace);
  const rootDemands = authorization.some(
    ({ metadata, provider }) => metadata.namespace === mesh.rootNamespace && provider === name,
  );
  const chosen = near === undefined ? [root] : rootDemands ? [near, root] : [near];
  return [...new Set(chosen.filter((handler) => handler !== undefined))];
}
