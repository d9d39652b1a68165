import type { Registration } from '#policies/documents/index.ts';

/** The registrations in force, and how to hear of changes. */
export class Registrations {
  readonly #listeners = new Set<() => void>();
  #current: readonly Registration[] | undefined;

  /** Undefined until the documents were read once: then nobody can be told that it is entitled to nothing. */
  get current(): readonly Registration[] | undefined {
    return this.#current;
  }

  replace(next: readonly Registration[]): void {
    this.#current = next;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** How a registration is called in records: `registration:NAMESPACE/NAME`. */
export function grantOf({ metadata }: Registration): string {
  return `registration:${metadata.namespace}/${metadata.name}`;
}

/** Registrations whose selectors all hold, in the order of the documents: the first is the default identity. */
export function entitled(all: readonly Registration[], selectors: ReadonlySet<string>): Registration[] {
  // INVARIANT: the parser refuses a registration without selectors, which would be everybody's.
  return all.filter((one) => one.selectors.length > 0 && one.selectors.every((selector) => selectors.has(selector)));
}

/** Whether a node may ask for this identity on behalf of a workload. */
export function nodeMayAskFor({ node }: Registration, spiffeId: string): boolean {
  return (node?.identities ?? []).some((identity) =>
    identity.endsWith('/*') ? spiffeId.startsWith(identity.slice(0, -1)) : spiffeId === identity,
  );
}

/**
 * The registrations that say what a node may ask for: those for its identity, and those for what was found out of it when
 * it was attested. Selectors of workloads hold of no node, and the other way round.
 */
export function nodeRights(
  all: readonly Registration[],
  spiffeId: string,
  selectors: ReadonlySet<string>,
): Registration[] {
  const met = ({ selectors: needed }: Registration): boolean =>
    needed.length > 0 && needed.every((selector) => selectors.has(selector));
  return all.filter((one) => one.node !== undefined && (one.spiffeId === spiffeId || met(one)));
}
