import type { CompiledRule } from './compiled-rule.ts';
import type { Mode } from './mode.ts';
import type { RuleMatches } from './rule-matches.ts';

/** Rules that share a key; when they are many, an index over what else they ask. */
export class Posting {
  /** The only rule, as long as it is the only one: most keys belong to one rule. */
  single: CompiledRule | undefined = undefined;
  rules: CompiledRule[] | undefined = undefined;
  index: { search(search: Search): void } | undefined = undefined;

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
  refine(index: { search(search: Search): void }): void {
    this.index = index;
    this.rules = undefined;
    this.single = undefined;
  }
}

/** One walk over an index for one request. */
export class Search {
  readonly matches: RuleMatches;
  readonly mode: Mode;

  constructor(matches: RuleMatches, mode: Mode) {
    this.matches = matches;
    this.mode = mode;
  }

  visit(posting: Posting): void {
    if (posting.single !== undefined) this.matches.consider(posting.single);
    else if (posting.index !== undefined) posting.index.search(this);
    else if (posting.rules !== undefined) for (const rule of posting.rules) this.matches.consider(rule);
  }
}

export function upsertPosting<K>(table: Map<K, Posting>, key: K): Posting {
  const known = table.get(key);
  if (known !== undefined) return known;
  const posting = new Posting();
  table.set(key, posting);
  return posting;
}
