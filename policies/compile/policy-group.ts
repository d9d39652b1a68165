import type { Facts } from '../decide/facts.ts';
import { buildIndex } from './build-index.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { Search } from './rule-index.ts';
import type { RuleIndex, Sink } from './rule-index.ts';

/** The rules of one action that are in force for one workload on one transport: one union, without priorities. */
export class PolicyGroup {
  readonly rules: readonly CompiledRule[];
  readonly #index: RuleIndex;

  constructor(rules: readonly CompiledRule[]) {
    this.rules = rules;
    this.#index = buildIndex(rules);
  }

  /** The first rule, by rank, that matches. */
  first(facts: Facts): CompiledRule | undefined {
    if (this.rules.length === 0) return undefined;
    const sink = new FirstMatch(facts);
    this.#index.search(new Search(sink));
    return sink.found;
  }

  /** Every rule that matches, by rank. */
  all(facts: Facts): readonly CompiledRule[] {
    if (this.rules.length === 0) return [];
    const sink = new AllMatches(facts);
    this.#index.search(new Search(sink));
    return [...sink.found].sort((a, b) => a.rank - b.rank);
  }
}

class FirstMatch implements Sink {
  readonly facts: Facts;
  found: CompiledRule | undefined = undefined;

  constructor(facts: Facts) {
    this.facts = facts;
  }

  offer(rules: readonly CompiledRule[]): void {
    const limit = this.found === undefined ? Infinity : this.found.rank;
    for (const rule of rules) {
      if (rule.rank >= limit) return;
      if (rule.matches(this.facts)) {
        this.found = rule;
        return;
      }
    }
  }
}

class AllMatches implements Sink {
  readonly facts: Facts;
  readonly found = new Set<CompiledRule>();

  constructor(facts: Facts) {
    this.facts = facts;
  }

  offer(rules: readonly CompiledRule[]): void {
    for (const rule of rules) if (!this.found.has(rule) && rule.matches(this.facts)) this.found.add(rule);
  }
}
