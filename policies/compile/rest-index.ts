import { eachLightly } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { Exclusions } from './exclusions.ts';
import type { RuleMatches, Searchable } from './rule-matches.ts';
import { slotCount } from './slot.ts';

/** Fewer rules than this are compared one by one. */
const FEW = 32;

interface SlotRules {
  readonly rules: readonly CompiledRule[];
  readonly exclusions: Exclusions | undefined;
}

/**
 * Rules that no key tells apart, by slot and in the order of names: those that only exclude, and those that all ask for the same.
 * Such a rule mostly matches, and then the first one settles its slot. Where it does not it is because of what it excludes,
 * so in long lists the rules that exclude a request are found by what they exclude.
 */
export class RestIndex implements Searchable {
  readonly #slots: readonly SlotRules[];

  private constructor(slots: readonly SlotRules[]) {
    this.#slots = slots;
  }

  static *over(rules: readonly CompiledRule[]): Steps<RestIndex> {
    const bySlot: CompiledRule[][] = Array.from({ length: slotCount }, () => []);
    yield* eachLightly(rules, (rule) => bySlot[rule.slot]?.push(rule));
    const slots: SlotRules[] = [];
    for (const list of bySlot) {
      if (list.length === 0) continue;
      slots.push({ rules: list, exclusions: list.length > FEW ? yield* Exclusions.of(list) : undefined });
    }
    return new RestIndex(slots);
  }

  search(matches: RuleMatches): void {
    for (const { rules, exclusions } of this.#slots) {
      const excluded = exclusions?.excluded(matches);
      if (excluded === undefined) {
        for (const rule of rules) if (!matches.consider(rule)) break;
      } else {
        considerOthers(rules, excluded, matches);
      }
    }
  }
}

/** The rules whose bit is not set. */
function considerOthers(rules: readonly CompiledRule[], excluded: Uint32Array, matches: RuleMatches): void {
  for (let word = 0; word < excluded.length; word++) {
    for (let open = ~(excluded[word] ?? 0); open !== 0; open &= open - 1) {
      const rule = rules[word * 32 + 31 - Math.clz32(open & -open)];
      if (rule === undefined || !matches.consider(rule)) return;
    }
  }
}
