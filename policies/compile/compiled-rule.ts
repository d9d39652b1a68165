import type { Place } from '#schema/place.ts';
import type { Facts } from '../decide/facts.ts';
import { comparePolicies } from './compare-policies.ts';
import type { FieldTest } from './field-test.ts';
import type { Slot } from './slot.ts';

/** One source, one operation, or all conditions: every list that must match and every one that must not. */
export interface Clause {
  readonly must: readonly FieldTest[];
  readonly mustNot: readonly FieldTest[];
}

/** What a rule asks: one clause that must hold, and of each group of alternatives at least one. */
export interface RuleParts {
  readonly must: readonly FieldTest[];
  readonly mustNot: readonly FieldTest[];
  /** Of several sources any, of several operations any. A single one is part of `must` and `mustNot`. */
  readonly anyOf: readonly (readonly Clause[])[];
}

/** One rule of one policy, ready to be compared with requests. */
export class CompiledRule {
  /** Place among the rules of its policy. */
  readonly order: number;
  readonly slot: Slot;
  readonly must: readonly FieldTest[];
  readonly mustNot: readonly FieldTest[];
  readonly anyOf: readonly (readonly Clause[])[];
  /** `namespace/name`. */
  readonly policy: string;
  readonly index: number;
  readonly place: Place;

  constructor(order: number, slot: Slot, parts: RuleParts, policy: string, index: number, place: Place) {
    this.order = order;
    this.slot = slot;
    this.must = parts.must;
    this.mustNot = parts.mustNot;
    this.anyOf = parts.anyOf;
    this.policy = policy;
    this.index = index;
    this.place = place;
  }

  /** In the order in which rules are named: of several that match, the first is the one that decided. */
  goesBefore(other: CompiledRule): boolean {
    return compareRules(this, other) < 0;
  }

  matches(facts: Facts): boolean {
    const { must, mustNot, anyOf } = this;
    for (let i = 0; i < must.length; i++) if (must[i]?.test(facts) !== true) return false;
    for (let i = 0; i < mustNot.length; i++) if (mustNot[i]?.test(facts) !== false) return false;
    for (let i = 0; i < anyOf.length; i++) if (!anyMatches(anyOf[i] ?? [], facts)) return false;
    return true;
  }
}

export function compareRules(a: CompiledRule, b: CompiledRule): number {
  return a.policy === b.policy ? a.order - b.order : comparePolicies(a.policy, b.policy);
}

function anyMatches(clauses: readonly Clause[], facts: Facts): boolean {
  for (const clause of clauses) if (clauseMatches(clause, facts)) return true;
  return false;
}

function clauseMatches(clause: Clause, facts: Facts): boolean {
  for (const test of clause.must) if (!test.test(facts)) return false;
  for (const test of clause.mustNot) if (test.test(facts)) return false;
  return true;
}
