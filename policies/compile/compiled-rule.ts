import type { Place } from '#schema/place.ts';
import type { Facts } from '../decide/facts.ts';
import type { FieldTest } from './field-test.ts';
import type { Slot } from './slot.ts';

/** One source, one operation, or all conditions: every list that must match and every one that must not. */
export interface Clause {
  readonly must: readonly FieldTest[];
  readonly mustNot: readonly FieldTest[];
}

/** One rule of one policy, ready to be compared with requests. */
export class CompiledRule {
  /** Place in the order in which rules are named: of several that match, the first is the one that decided. */
  readonly rank: number;
  /** `namespace/name`. */
  readonly policy: string;
  readonly index: number;
  readonly slot: Slot;
  readonly place: Place;
  readonly from: readonly Clause[];
  readonly to: readonly Clause[];
  readonly when: Clause;

  constructor(
    rank: number,
    policy: string,
    index: number,
    slot: Slot,
    place: Place,
    from: readonly Clause[],
    to: readonly Clause[],
    when: Clause,
  ) {
    this.rank = rank;
    this.policy = policy;
    this.index = index;
    this.slot = slot;
    this.place = place;
    this.from = from;
    this.to = to;
    this.when = when;
  }

  matches(facts: Facts): boolean {
    return anyMatches(this.from, facts) && anyMatches(this.to, facts) && clauseMatches(this.when, facts);
  }
}

function anyMatches(clauses: readonly Clause[], facts: Facts): boolean {
  if (clauses.length === 0) return true;
  for (const clause of clauses) if (clauseMatches(clause, facts)) return true;
  return false;
}

export function clauseMatches(clause: Clause, facts: Facts): boolean {
  for (const test of clause.must) if (!test.test(facts)) return false;
  for (const test of clause.mustNot) if (test.test(facts)) return false;
  return true;
}
