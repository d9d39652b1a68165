import { eachLightly } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { Clause, CompiledRule } from './compiled-rule.ts';
import type { Key } from './field-test.ts';
import { KeyCounts } from './key-counts.ts';
import { RestIndex } from './rest-index.ts';
import { RuleIndex } from './rule-index.ts';

/** Fewer rules than this are compared one by one faster than they are found. */
const FEW = 8;
/** How often an index may be refined by what else its rules ask. */
const DEPTH = 4;
/** Keys that refining may look at, for each rule: of rules with long lists that overlap it would else look at every pair. */
const KEYS = 64;

/**
 * Every rule is put under the keys of one of its parts: all its sources, all its operations, or one condition.
 * Of those the part is taken whose keys the fewest other rules have, so that the smallest list drives; of parts that are as
 * good, one whose table as many rules as possible can stand in: in a table that is not there no request is looked up.
 */
export function buildIndex(rules: readonly CompiledRule[]): Steps<RuleIndex> {
  return new IndexBuilder(rules.length * KEYS).build(rules, DEPTH, false);
}

class IndexBuilder {
  #keysLeft: number;

  constructor(keys: number) {
    this.#keysLeft = keys;
  }

  /** `finer`: all the rules have a key in common already, so that a part which holds that key tells them apart no more. */
  *build(rules: readonly CompiledRule[], depth: number, finer: boolean): Steps<RuleIndex> {
    const counts = new KeyCounts();
    for (const rule of rules) {
      countKeys(rule, counts);
      yield;
    }
    if (finer) this.#keysLeft -= counts.counted;
    yield* eachLightly(rules, (rule) => countTables(choicesOf(rule, counts), counts));
    const index = new RuleIndex();
    const rest: CompiledRule[] = [];
    for (const rule of rules) {
      const best = bestOf(choicesOf(rule, counts), counts);
      if (best === undefined || (finer && best.cost >= rules.length)) rest.push(rule);
      else for (const key of best.keys) index.posting(key).add(rule);
      yield;
    }
    if (rest.length > 0) index.rest = yield* RestIndex.over(rest);
    let looked = 0;
    for (const posting of index.postings()) {
      if (++looked % 256 === 0) yield;
      const list = posting.rules;
      if (list === undefined || list.length <= FEW) continue;
      // A key that every rule has tells a request apart, but not the rules.
      const helps = depth > 1 && list.length < rules.length && this.#keysLeft > 0;
      posting.refine(helps ? yield* this.build(list, depth - 1, true) : yield* RestIndex.over(list));
    }
    return index;
  }
}

/** Keys to put a rule under, and how many rules a request that has one of them must be compared with, at the worst. */
interface Choice {
  readonly keys: readonly Key[];
  readonly cost: number;
}

function countKeys({ must, anyOf }: CompiledRule, counts: KeyCounts): void {
  for (const test of must) counts.add(test.keys());
  for (const clauses of anyOf) for (const clause of clauses) for (const test of clause.must) counts.add(test.keys());
}

function choicesOf({ must, anyOf }: CompiledRule, counts: KeyCounts): Choice[] {
  const choices = must.map((test) => choiceOf(test.keys(), counts));
  for (const clauses of anyOf) {
    const choice = choiceOfClauses(clauses, counts);
    if (choice !== undefined) choices.push(choice);
  }
  return choices;
}

/** A request may match any of the clauses, so the rule must be found by each: by the best list of each. */
function choiceOfClauses(clauses: readonly Clause[], counts: KeyCounts): Choice | undefined {
  const keys: Key[] = [];
  for (const { must } of clauses) {
    const all = must.map((test) => choiceOf(test.keys(), counts));
    const best = bestOf(all, counts);
    if (best === undefined) return undefined;
    for (const key of best.keys) keys.push(key);
  }
  return choiceOf(keys, counts);
}

function choiceOf(keys: readonly Key[], counts: KeyCounts): Choice {
  return { keys, cost: counts.cost(keys) };
}

function bestOf(choices: readonly Choice[], counts: KeyCounts): Choice | undefined {
  let best: Choice | undefined;
  for (const choice of choices) if (best === undefined || isBetter(choice, best, counts)) best = choice;
  return best;
}

function isBetter(a: Choice, b: Choice, counts: KeyCounts): boolean {
  if (a.cost !== b.cost) return a.cost < b.cost;
  const [servedByA, servedByB] = [counts.served(a.keys), counts.served(b.keys)];
  return servedByA === servedByB ? a.keys.length < b.keys.length : servedByA > servedByB;
}

/** Counts a rule for the tables that it can stand in at the lowest cost. */
function countTables(choices: readonly Choice[], counts: KeyCounts): void {
  let lowest = Infinity;
  for (const { cost } of choices) lowest = Math.min(lowest, cost);
  for (const { keys, cost } of choices) if (cost === lowest) counts.serve(keys);
}
