import type { EffectiveRule } from './effective-rule.ts';

/**
 * The rules that might cover a rule. A rule can cover only what asks about every attribute it asks about itself, with
 * values among its own where those are exact: so thousands of rules about single paths are not compared with one another.
 */
export class CoverCandidates {
  /** By a list of exact values, each of them. */
  readonly #byValue = new Map<string, EffectiveRule[]>();
  /** Rules without such a list. */
  readonly #wide: EffectiveRule[] = [];

  constructor(rules: readonly EffectiveRule[]) {
    const counts = countValues(rules);
    for (const rule of rules) {
      const anchor = anchorOf(rule, counts);
      if (anchor === undefined) this.#wide.push(rule);
      else for (const value of anchor) add(this.#byValue, value, rule);
    }
  }

  of(rule: EffectiveRule): Set<EffectiveRule> {
    const found = new Set(this.#wide);
    for (const { part, clauses } of rule.parts) {
      for (const { fields } of clauses) {
        for (const { key, values } of fields) {
          for (const value of values)
            for (const one of this.#byValue.get(nameOf(part, key, value)) ?? []) found.add(one);
        }
      }
    }
    return found;
  }
}

/** How many rules ask about each value. */
function countValues(rules: readonly EffectiveRule[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { parts } of rules) {
    for (const { part, clauses } of parts) {
      for (const { key, values } of clauses.flatMap(({ fields }) => fields)) {
        for (const value of values) {
          const name = nameOf(part, key, value);
          counts.set(name, (counts.get(name) ?? 0) + 1);
        }
      }
    }
  }
  return counts;
}

/** Of the attributes that every clause of a part asks about with exact values alone, the one whose values are rarest. */
function anchorOf({ parts }: EffectiveRule, counts: ReadonlyMap<string, number>): string[] | undefined {
  let best: { names: string[]; cost: number } | undefined;
  for (const { part, clauses } of parts) {
    const [first, ...others] = clauses;
    for (const { key } of first?.fields ?? []) {
      const lists = [first, ...others].map((clause) => clause?.fields.find((field) => field.key === key)?.values ?? []);
      if (!isComparedExactly(key) || lists.some((list) => list.length === 0 || list.some((v) => !isExact(v)))) continue;
      const names = lists.flat().map((value) => nameOf(part, key, value));
      const cost = names.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0);
      if (best === undefined || cost < best.cost) best = { names, cost };
    }
  }
  return best?.names;
}

/** Blocks contain one another, and a template is exact to nobody. */
function isComparedExactly(key: string): boolean {
  return !key.endsWith('.ip') && key !== 'request.auth.principal';
}

function isExact(value: string): boolean {
  return !value.includes('*') && !value.includes('{');
}

function nameOf(part: string, key: string, value: string): string {
  return JSON.stringify([part, key, key === 'host' ? value.toLowerCase() : value]);
}

function add(table: Map<string, EffectiveRule[]>, key: string, rule: EffectiveRule): void {
  const list = table.get(key);
  if (list === undefined) table.set(key, [rule]);
  else list.push(rule);
}
