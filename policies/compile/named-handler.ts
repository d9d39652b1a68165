import type { AuthorizationPolicy, Handler } from '../documents/model.ts';

/**
 * The Handler that a CUSTOM policy means by its provider's name: that of its own namespace, else that of the root namespace.
 * Undefined: there is none, and what the policy matches is denied.
 */
export function namedHandler(
  { provider, metadata }: Pick<AuthorizationPolicy, 'provider' | 'metadata'>,
  handlers: readonly Handler[],
  rootNamespace: string,
): Handler | undefined {
  const inNamespace = (namespace: string): Handler | undefined =>
    handlers.find((handler) => handler.metadata.name === provider && handler.metadata.namespace === namespace);
  return inNamespace(metadata.namespace) ?? inNamespace(rootNamespace);
}

/** `namespace/name`. Names hold no slash. */
export function handlerKey({ metadata }: Handler): string {
  return `${metadata.namespace}/${metadata.name}`;
}
