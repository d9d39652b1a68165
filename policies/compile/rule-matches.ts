import type { Facts } from '../decide/facts.ts';
import type { CompiledRule } from './compiled-rule.ts';
import type { Mode } from './mode.ts';
import { slots } from './slot.ts';

/** What can be walked for the rules of one request. */
export interface Searchable {
  search(matches: RuleMatches): void;
}

/** Rules that share a key, as a posting keeps them: one, several, or an index over them. */
interface Shared {
  readonly single: CompiledRule | undefined;
  readonly rules: readonly CompiledRule[] | undefined;
  readonly index: Searchable | undefined;
}

/**
 * The rules that match one request, as an index offers them: per slot the first by order of names, since of several rules that match the
 * first is named; of AUDIT all.
 */
export class RuleMatches {
  readonly facts: Facts;
  /** The widest mode that any rule compares in: all its readings are looked up. */
  readonly mode: Mode;
  deny: CompiledRule | undefined = undefined;
  allow: CompiledRule | undefined = undefined;
  dryDeny: CompiledRule | undefined = undefined;
  dryAllow: CompiledRule | undefined = undefined;
  custom: CompiledRule | undefined = undefined;
  audit: CompiledRule[] | undefined = undefined;

  constructor(facts: Facts) {
    this.facts = facts;
    this.mode = facts.settings.strict ? 'wide' : 'plain';
  }

  visit(posting: Shared): void {
    if (posting.single !== undefined) this.consider(posting.single);
    else if (posting.index !== undefined) posting.index.search(this);
    else if (posting.rules !== undefined) for (const rule of posting.rules) this.consider(rule);
  }

  /** False: no later rule of the slot, in the order of names, can matter. */
  consider(rule: CompiledRule): boolean {
    switch (rule.slot) {
      case slots.deny:
        if (this.deny !== undefined && !rule.goesBefore(this.deny)) return false;
        if (rule.matches(this.facts)) this.deny = rule;
        return true;
      case slots.allow:
        // What is denied needs no rule that allows it.
        if (this.deny !== undefined || (this.allow !== undefined && !rule.goesBefore(this.allow))) return false;
        if (rule.matches(this.facts)) this.allow = rule;
        return true;
      case slots.audit:
        if (this.audit?.includes(rule) !== true && rule.matches(this.facts)) (this.audit ??= []).push(rule);
        return true;
      case slots.dryDeny:
        if (this.dryDeny !== undefined && !rule.goesBefore(this.dryDeny)) return false;
        if (rule.matches(this.facts)) this.dryDeny = rule;
        return true;
      case slots.dryAllow:
        if (this.dryAllow !== undefined && !rule.goesBefore(this.dryAllow)) return false;
        if (rule.matches(this.facts)) this.dryAllow = rule;
        return true;
      case slots.custom:
        if (this.custom !== undefined && !rule.goesBefore(this.custom)) return false;
        if (rule.matches(this.facts)) this.custom = rule;
        return true;
      default:
        return rule.slot satisfies never;
    }
  }
}
