import { policyName } from '../compile/rule-compiler.ts';
import { isTemplate } from '../compile/path-template.ts';
import { selects } from '../compile/select.ts';
import { describePlace } from '#schema/describe-fault.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { isHttpField } from '../explain/rule-fields.ts';
import type { RuleClause, RuleField } from '../explain/rule-fields.ts';
import { valueCovers } from './covers.ts';
import { effectiveRules } from './effective-rule.ts';
import type { EffectiveRule } from './effective-rule.ts';
import { observeRule } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';
import { isDead } from './never-matches.ts';
import { CoverCandidates } from './cover-candidates.ts';

export const shadowedRule: LintRule = {
  id: 'GL024',
  name: 'shadowed-rule',
  severity: 'warning',
  summary: 'Every request that the rule matches is decided alike, or denied, by another rule.',
  *check(set): Generator<Observation> {
    for (const { rule, by } of shadows(set)) {
      if (isSame(rule, by) && rule.policy.action === by.policy.action) continue;
      const denied = rule.policy.action === 'ALLOW' && by.policy.action === 'DENY';
      yield observeRule(rule.policy, rule.index, '', {
        reason: `every request it matches is ${denied ? 'denied' : 'matched'} by rule ${by.index} of ${policyName(by.policy)} (${describePlace(by.rule.place)})`,
        fix: denied ? 'remove it, or narrow the DENY' : 'remove it, or narrow the other',
      });
    }
  },
};

export const duplicateRule: LintRule = {
  id: 'GL025',
  name: 'duplicate-rule',
  severity: 'warning',
  summary: 'The same rule stands elsewhere, and is in force wherever this one is.',
  *check(set): Generator<Observation> {
    for (const { rule, by } of shadows(set)) {
      if (!isSame(rule, by) || rule.policy.action !== by.policy.action) continue;
      yield observeRule(rule.policy, rule.index, '', {
        reason: `says the same as rule ${by.index} of ${policyName(by.policy)} (${describePlace(by.rule.place)})`,
        fix: 'remove one of them',
      });
    }
  },
};

export interface Shadow {
  readonly rule: EffectiveRule;
  readonly by: EffectiveRule;
}

/** Two rules of the linter tell of them, and they are dear to find. */
const found = new WeakMap<PolicySet, readonly Shadow[]>();

/** Each rule that another makes idle, once. Of two that say the same, the later one is idle. */
export function shadows(set: PolicySet): readonly Shadow[] {
  const known = found.get(set);
  if (known !== undefined) return known;
  const all = [...findShadows(set)];
  found.set(set, all);
  return all;
}

function* findShadows(set: PolicySet): Generator<Shadow> {
  const live = effectiveRules(set).filter(
    ({ policy }) => !policy.dryRun && (policy.action === 'ALLOW' || policy.action === 'DENY'),
  );
  const rules = live.filter((rule) => !isDead(rule, set));
  const order = new Map(rules.map((rule, at) => [rule, at]));
  const candidates = new CoverCandidates(rules);
  for (const rule of rules) {
    for (const by of candidates.of(rule)) {
      if (by === rule || !isAboveInForce(by.policy, rule.policy, set.mesh.rootNamespace)) continue;
      if (by.policy.action === 'ALLOW' && rule.policy.action === 'DENY') continue;
      if (!coversRule(by, rule, set)) continue;
      // Each covers the other: only the later one is told of.
      const mutual = by.policy.action === rule.policy.action && isMutual(by, rule, set);
      if (mutual && (order.get(by) ?? 0) > (order.get(rule) ?? 0)) continue;
      yield { rule, by };
      break;
    }
  }
}

function isMutual(by: EffectiveRule, rule: EffectiveRule, set: PolicySet): boolean {
  return isAboveInForce(rule.policy, by.policy, set.mesh.rootNamespace) && coversRule(rule, by, set);
}

/** Wherever `below` is in force, `above` is. */
function isAboveInForce(above: AuthorizationPolicy, below: AuthorizationPolicy, root: string): boolean {
  if (above === below) return true;
  const [a, b] = [above.metadata.namespace, below.metadata.namespace];
  if (above.targetRefs.length > 0 || below.targetRefs.length > 0) {
    const same = a === b && JSON.stringify(above.targetRefs) === JSON.stringify(below.targetRefs);
    return same && above.selector.size === 0;
  }
  if (a !== b && a !== root) return false;
  return selects(above.selector, below.selector);
}

function coversRule(wide: EffectiveRule, narrow: EffectiveRule, set: PolicySet): boolean {
  // On TCP an ALLOW rule that asks about HTTP anywhere is left out whole, and covers nothing there.
  if (wide.policy.action === 'ALLOW' && asksHttp(wide) && !asksHttp(narrow)) return false;
  return wide.parts.every(({ part, clauses }, at) => {
    if (clauses.length === 0) return true;
    const below = narrow.parts[at]?.clauses ?? [];
    if (part === 'when') return below.length > 0 && clauseCovers(clauses[0], below[0], wide, narrow, set);
    return (
      below.length > 0 && below.every((one) => clauses.some((other) => clauseCovers(other, one, wide, narrow, set)))
    );
  });
}

function asksHttp({ parts }: EffectiveRule): boolean {
  return parts.some(({ clauses }) => clauses.some(({ fields }) => fields.some(isHttpField)));
}

function clauseCovers(
  wide: RuleClause | undefined,
  narrow: RuleClause | undefined,
  above: EffectiveRule,
  below: EffectiveRule,
  set: PolicySet,
): boolean {
  if (wide === undefined || narrow === undefined) return false;
  return wide.fields.every((field) =>
    narrow.fields.some((other) => other.key === field.key && fieldCovers(field, other, above, below, set)),
  );
}

function fieldCovers(
  wide: RuleField,
  narrow: RuleField,
  above: EffectiveRule,
  below: EffectiveRule,
  set: PolicySet,
): boolean {
  const { key } = wide;
  // Metadata of filters is compared as text or as a list, by how each value is written.
  if (key.startsWith('experimental.') && JSON.stringify(wide) !== JSON.stringify(narrow)) return false;
  if (wide.values.length > 0) {
    const covered = (value: string): boolean => wide.values.some((other) => valueCovers(key, other, value));
    if (narrow.values.length === 0 || !narrow.values.every(covered)) return false;
  }
  return wide.notValues.every((not) =>
    narrow.notValues.some((other) => valueCovers(key, other, not) && isSameReading(key, not, other, above, below, set)),
  );
}

/** A narrow list reads fewer characters in a template than a wide one: then only the very same list proves anything. */
function isSameReading(
  key: string,
  not: string,
  other: string,
  above: EffectiveRule,
  below: EffectiveRule,
  set: PolicySet,
): boolean {
  if (key !== 'path' || (!isTemplate(not) && !isTemplate(other))) return true;
  return set.mesh.profile !== 'strict' || not === other || above.policy.action === below.policy.action;
}

function isSame(a: EffectiveRule, b: EffectiveRule): boolean {
  return JSON.stringify(bare(a)) === JSON.stringify(bare(b));
}

function bare({ parts }: EffectiveRule): unknown {
  return parts.map(({ clauses }) =>
    clauses.map(({ fields }) =>
      fields.map(({ key, values, notValues }) => [key, values.toSorted(), notValues.toSorted()]).sort(),
    ),
  );
}
