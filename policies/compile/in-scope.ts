import { eachLightly } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { Selector } from '../documents/model.ts';

interface Placed {
  readonly metadata: { readonly namespace: string };
}

/** Documents of the namespace and of the root namespace. */
export function* near<T extends Placed>(documents: readonly T[], namespace: string, root: string): Steps<T[]> {
  return yield* only(documents, ({ metadata }) => metadata.namespace === namespace || metadata.namespace === root);
}

export function* only<T>(items: readonly T[], holds: (item: T) => boolean): Steps<T[]> {
  const kept: T[] = [];
  yield* eachLightly(items, (item) => {
    if (holds(item)) kept.push(item);
  });
  return kept;
}

/** The labels that selectors ask for, each with the values that they name. */
export function* labelsOf(
  lists: readonly (readonly { readonly selector: Selector }[])[],
): Steps<Map<string, Set<string>>> {
  const labels = new Map<string, Set<string>>();
  for (const list of lists) {
    yield* eachLightly(list, ({ selector }) => {
      for (const [key, value] of selector) labels.set(key, (labels.get(key) ?? new Set<string>()).add(value));
    });
  }
  return labels;
}

/** Labels are kept with a workload, and a caller may have made them up: no more of them than Kubernetes lets a pod have. */
export function isOrdinary(labels: ReadonlyMap<string, string>): boolean {
  if (labels.size > 64) return false;
  for (const [key, value] of labels) if (key.length > 317 || value.length > 63) return false;
  return true;
}
