import type { CompiledRule } from './compiled-rule.ts';
import type { Searchable } from './rule-matches.ts';

/** Rules that share a key; when they are many, an index over what else they ask. */
export class Posting {
  /** The only rule, as long as it is the only one: most keys belong to one rule. */
  single: CompiledRule | undefined = undefined;
  rules: CompiledRule[] | undefined = undefined;
  index: Searchable | undefined = undefined;

  add(rule: CompiledRule): void {
    if (this.rules !== undefined) {
      if (this.rules.at(-1) !== rule) this.rules.push(rule);
    } else if (this.single === undefined) {
      this.single = rule;
    } else if (this.single !== rule) {
      this.rules = [this.single, rule];
      this.single = undefined;
    }
  }

  /** Puts an index in the place of the rules. */
  refine(index: Searchable): void {
    this.index = index;
    this.rules = undefined;
    this.single = undefined;
  }
}

export function newPosting(): Posting {
  return new Posting();
}

export function upsertPosting<K>(table: Map<K, Posting>, key: K): Posting {
  const known = table.get(key);
  if (known !== undefined) return known;
  const posting = new Posting();
  table.set(key, posting);
  return posting;
}
