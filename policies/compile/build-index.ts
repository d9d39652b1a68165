import type { Steps } from '#schema/index.ts';
import type { Clause, CompiledRule } from './compiled-rule.ts';
import type { FieldTest, Key } from './field-test.ts';
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
 * Of those the part is taken whose keys the fewest other rules have, so that the smallest list drives.
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
    const counts = yield* countKeys(rules);
    if (finer) this.#keysLeft -= counts.counted;
    const index = new RuleIndex();
    const rest: CompiledRule[] = [];
    for (const rule of rules) {
      const best = bestKeys(rule, counts);
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

function bestKeys(rule: CompiledRule, counts: KeyCounts): Choice | undefined {
  let best: Choice | undefined;
  for (const test of rule.must) best = cheaper(best, choiceOfTest(test, counts));
  for (const clauses of rule.anyOf) best = cheaper(best, choiceOfClauses(clauses, counts));
  return best;
}

/** A request may match any of the clauses, so the rule must be found by each: by the best list of each. */
function choiceOfClauses(clauses: readonly Clause[], counts: KeyCounts): Choice | undefined {
  const keys: Key[] = [];
  let cost = 0;
  for (const clause of clauses) {
    let best: Choice | undefined;
    for (const test of clause.must) best = cheaper(best, choiceOfTest(test, counts));
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

function cheaper(a: Choice | undefined, b: Choice | undefined): Choice | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.cost !== b.cost) return a.cost < b.cost ? a : b;
  return a.keys.length <= b.keys.length ? a : b;
}

/** How many rules have a key. */
class KeyCounts {
  readonly #counts = new Map<string, number>();
  readonly #all: number;
  /** How many keys were looked at. */
  counted = 0;

  constructor(all: number) {
    this.#all = all;
  }

  of(key: Key): number {
    return key.kind === 'text' && key.pattern.kind === 'any' ? this.#all : (this.#counts.get(keyText(key)) ?? 0);
  }

  add(rule: CompiledRule): void {
    this.#count(rule.must);
    for (const clauses of rule.anyOf) for (const clause of clauses) this.#count(clause.must);
  }

  #count(tests: readonly FieldTest[]): void {
    for (const test of tests) {
      for (const key of test.keys()) {
        const text = keyText(key);
        this.counted += 1;
        this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
      }
    }
  }
}

function* countKeys(rules: readonly CompiledRule[]): Steps<KeyCounts> {
  const counts = new KeyCounts(rules.length);
  for (const rule of rules) {
    counts.add(rule);
    yield;
  }
  return counts;
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
