import type { Clause, CompiledRule } from './compiled-rule.ts';
import type { FieldTest, Key } from './field-test.ts';
import { RuleIndex } from './rule-index.ts';

/** Fewer rules than this are compared one by one faster than they are found. */
const FEW = 8;
/** How often an index may be refined by what else its rules ask. */
const DEPTH = 4;

/**
 * Every rule is put under the keys of one of its parts: all its sources, all its operations, or one condition.
 * Of those the part is taken whose keys the fewest other rules have, so that the smallest list drives.
 */
export function buildIndex(rules: readonly CompiledRule[], depth = DEPTH): RuleIndex {
  const counts = new KeyCounts(rules);
  const index = new RuleIndex();
  const rest: CompiledRule[] = [];
  for (const rule of rules) {
    const keys = bestKeys(rule, counts);
    if (keys === undefined || keys.cost >= rules.length) rest.push(rule);
    else for (const key of keys.keys) append(index.posting(key).rules, rule);
  }
  index.rest = rest;
  if (depth > 1) {
    for (const posting of index.postings()) {
      if (posting.rules.length <= FEW || posting.rules.length === rules.length) continue;
      const finer = buildIndex(posting.rules, depth - 1);
      if (finer.rest.length === posting.rules.length) continue;
      posting.index = finer;
      posting.rules = [];
    }
  }
  return index;
}

function append(rules: CompiledRule[], rule: CompiledRule): void {
  if (rules.at(-1) !== rule) rules.push(rule);
}

/** Keys to put a rule under, and how many rules a request that has one of them must be compared with, at the worst. */
interface Choice {
  readonly keys: readonly Key[];
  readonly cost: number;
}

function bestKeys(rule: CompiledRule, counts: KeyCounts): Choice | undefined {
  const choices = [
    choiceOfClauses(rule.from, counts),
    choiceOfClauses(rule.to, counts),
    ...rule.when.must.map((test) => choiceOfTest(test, counts)),
  ];
  return cheapest(choices);
}

/** A request may match any of the clauses, so the rule must be found by each: by the best list of each. */
function choiceOfClauses(clauses: readonly Clause[], counts: KeyCounts): Choice | undefined {
  if (clauses.length === 0) return undefined;
  const keys: Key[] = [];
  let cost = 0;
  for (const clause of clauses) {
    const best = cheapest(clause.must.map((test) => choiceOfTest(test, counts)));
    if (best === undefined) return undefined;
    for (const key of best.keys) keys.push(key);
    cost = Math.max(cost, best.cost);
  }
  return { keys, cost };
}

function choiceOfTest(test: FieldTest, counts: KeyCounts): Choice {
  const keys = test.keys();
  let cost = 0;
  for (const key of keys) cost = Math.max(cost, counts.of(key));
  return { keys, cost };
}

function cheapest(choices: readonly (Choice | undefined)[]): Choice | undefined {
  let best: Choice | undefined;
  for (const choice of choices) {
    if (choice === undefined) continue;
    if (
      best === undefined ||
      choice.cost < best.cost ||
      (choice.cost === best.cost && choice.keys.length < best.keys.length)
    ) {
      best = choice;
    }
  }
  return best;
}

/** How many rules have a key. */
class KeyCounts {
  readonly #counts = new Map<string, number>();
  readonly #all: number;

  constructor(rules: readonly CompiledRule[]) {
    this.#all = rules.length;
    for (const rule of rules) {
      for (const clause of [...rule.from, ...rule.to, rule.when]) {
        for (const test of clause.must) for (const key of test.keys()) this.#add(key);
      }
    }
  }

  of(key: Key): number {
    return key.kind === 'text' && key.pattern.kind === 'any' ? this.#all : (this.#counts.get(keyText(key)) ?? 0);
  }

  #add(key: Key): void {
    const text = keyText(key);
    this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
  }
}

function keyText(key: Key): string {
  switch (key.kind) {
    case 'text':
      return `${key.lens.id}\0${key.pattern.kind}\0${key.pattern.kind === 'any' ? '' : key.pattern.text}`;
    case 'block':
      return `${key.from}\0${key.block.words.join()}/${key.block.bits}`;
    case 'port':
      return `port\0${key.port}`;
    default:
      return key satisfies never;
  }
}
