import { isReserved } from '#ca/identity-template.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
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

/** How a registration is called between a node and the authority. */
export function entryNameOf({ metadata }: Registration): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** How a registration is called in records. */
export function grantOf(registration: Registration): string {
  return `registration:${entryNameOf(registration)}`;
}

interface Placed {
  readonly at: number;
  readonly registration: Registration;
}

/** Each registration under the one of its selectors that the fewest ask for. */
type Index = ReadonlyMap<string, readonly Placed[]>;

const indexes = new WeakMap<readonly Registration[], Index>();

/** Registrations whose selectors all hold, in the order of the documents: the first is the default identity. */
export function entitled(all: readonly Registration[], selectors: ReadonlySet<string>): Registration[] {
  const bySelector = indexOf(all);
  const found: Placed[] = [];
  for (const selector of selectors) {
    for (const placed of bySelector.get(selector) ?? []) {
      if (placed.registration.selectors.every((one) => selectors.has(one))) found.push(placed);
    }
  }
  return found.sort((a, b) => a.at - b.at).map(({ registration }) => registration);
}

function indexOf(all: readonly Registration[]): Index {
  let index = indexes.get(all);
  if (index === undefined) indexes.set(all, (index = makeIndex(all)));
  return index;
}

function makeIndex(all: readonly Registration[]): Index {
  const asked = new Map<string, number>();
  for (const { selectors } of all) for (const one of selectors) asked.set(one, (asked.get(one) ?? 0) + 1);
  const bySelector = new Map<string, Placed[]>();
  for (const [at, registration] of all.entries()) {
    // INVARIANT: the parser refuses a registration without selectors, which would be everybody's; here it is nobody's.
    const [rarest] = registration.selectors.toSorted((a, b) => (asked.get(a) ?? 0) - (asked.get(b) ?? 0));
    if (rarest === undefined) continue;
    const under = bySelector.get(rarest);
    if (under === undefined) bySelector.set(rarest, [{ at, registration }]);
    else under.push({ at, registration });
  }
  return bySelector;
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

/** By which of its rights a node may ask for this identity; undefined where it may not. */
export function rightTo(granted: readonly Registration[], spiffeId: string): Registration | undefined {
  const right = granted.find((one) => nodeMayAskFor(one, spiffeId));
  // A wildcard is about workloads: nobody meant the mesh's own servers by it.
  return right === undefined || isReserved(parseSpiffeId(spiffeId)) ? undefined : right;
}
