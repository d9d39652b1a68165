import { eachLightly } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { Clause, CompiledRule } from './compiled-rule.ts';
import { KeyChoice, KeyCounts } from './key-counts.ts';
import type { CountedKey } from './key-counts.ts';
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
      counts.add(rule);
      yield;
    }
    if (finer) this.#keysLeft -= counts.counted;
    yield* eachLightly(rules, (rule) => countTables(choicesOf(rule, counts)));
    const index = new RuleIndex();
    const rest: CompiledRule[] = [];
    for (const rule of rules) {
      const best = bestOf(choicesOf(rule, counts));
      if (best === undefined || (finer && best.cost >= rules.length)) rest.push(rule);
      else for (const { key } of best.keys) index.posting(key).add(rule);
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

function choicesOf({ must, anyOf }: CompiledRule, counts: KeyCounts): KeyChoice[] {
  const choices = must.map((test) => counts.of(test));
  for (const clauses of anyOf) {
    const choice = choiceOfClauses(clauses, counts);
    if (choice !== undefined) choices.push(choice);
  }
  return choices;
}

/** A request may match any of the clauses, so the rule must be found by each: by the best list of each. */
function choiceOfClauses(clauses: readonly Clause[], counts: KeyCounts): KeyChoice | undefined {
  const keys: CountedKey[] = [];
  for (const { must } of clauses) {
    const best = bestOf(must.map((test) => counts.of(test)));
    if (best === undefined) return undefined;
    for (const key of best.keys) keys.push(key);
  }
  return new KeyChoice(keys);
}

function bestOf(choices: readonly KeyChoice[]): KeyChoice | undefined {
  let best: KeyChoice | undefined;
  for (const choice of choices) if (best === undefined || isBetter(choice, best)) best = choice;
  return best;
}

function isBetter(a: KeyChoice, b: KeyChoice): boolean {
  const [costOfA, costOfB] = [a.cost, b.cost];
  if (costOfA !== costOfB) return costOfA < costOfB;
  const [servedByA, servedByB] = [a.served, b.served];
  return servedByA === servedByB ? a.keys.length < b.keys.length : servedByA > servedByB;
}

/** Counts a rule for the tables that it can stand in at the lowest cost. */
function countTables(choices: readonly KeyChoice[]): void {
  let lowest = Infinity;
  for (const { cost } of choices) if (cost < lowest) lowest = cost;
  for (const choice of choices) if (choice.cost === lowest) choice.serve();
}
