interface Leaf<T> {
  value: T | undefined;
  readonly next: Map<string | undefined, Leaf<T>>;
}

/** A value per combination of the labels that selectors ask for. Other labels, and values no selector names, make no difference. */
export class LabelTree<T> {
  readonly #keys: readonly (readonly [key: string, values: ReadonlySet<string>])[];
  readonly #root: Leaf<T> = { value: undefined, next: new Map() };

  /** `keys`: the labels that selectors ask for, each with the values that they name. */
  constructor(keys: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#keys = [...keys];
  }

  get hasKeys(): boolean {
    return this.#keys.length > 0;
  }

  leaf(labels: ReadonlyMap<string, string>): Leaf<T> {
    let node = this.#root;
    for (const [key, values] of this.#keys) {
      const label = labels.get(key);
      const value = label !== undefined && values.has(label) ? label : undefined;
      let next = node.next.get(value);
      if (next === undefined) node.next.set(value, (next = { value: undefined, next: new Map() }));
      node = next;
    }
    return node;
  }
}
