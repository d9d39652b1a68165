import { isTemplate } from '../compile/path-template.ts';
import { readIdentity } from '../decide/identity.ts';
import type { Action, AuthorizationPolicy } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { isHttpField } from '../explain/rule-fields.ts';
import type { RuleClause, RuleField } from '../explain/rule-fields.ts';
import { valueCovers, valuesDisjoint } from './covers.ts';
import { effectiveRules, hasOneReading, negationUndoes } from './effective-rule.ts';
import type { EffectiveRule } from './effective-rule.ts';
import { observeRule } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';
import { fixOf, idleValues } from './idle-values.ts';
import { impossible } from './impossible-value.ts';
import { nothing } from './missed.ts';
import { profilesOf } from './profiles-of.ts';

/** A rule, or one of its alternatives, that no request can match. Only what is proven is told. */
export const neverMatches: LintRule = {
  id: 'GL023',
  name: 'never-matches',
  severity: 'error',
  summary: 'No request can match this.',
  *check(set): Generator<Observation> {
    const told = new Set<string>();
    for (const rule of effectiveRules(set)) {
      for (const { field, reason, fix = 'correct it, or remove it', whole, http } of contradictions(rule, set)) {
        const observation = observeRule(rule.policy, rule.index, field, {
          reason: `${whole ? 'the rule' : 'this alternative'} ${nothing(rule.policy.action, http)}: ${reason}`,
          fix,
          severity: whole ? 'error' : 'warning',
        });
        told.add(nameOf(observation));
        yield observation;
      }
    }
    for (const observation of idleValues(set)) if (!told.has(nameOf(observation))) yield observation;
  },
};

function nameOf({ document: { metadata }, field }: Observation): string {
  return JSON.stringify([metadata.namespace, metadata.name, field]);
}

interface Contradiction {
  readonly field: string;
  readonly reason: string;
  readonly fix?: string;
  /** It is about a field that only HTTP has. */
  readonly http: boolean;
  /** The rule is dead, not only one of its alternatives. */
  readonly whole: boolean;
}

/** Whether a rule is known to match nothing. */
export function isDead(rule: EffectiveRule, set: PolicySet): boolean {
  return contradictions(rule, set).some(({ whole }) => whole);
}

function contradictions(rule: EffectiveRule, set: PolicySet): Contradiction[] {
  const found: Contradiction[] = [];
  const when = rule.parts.find(({ part }) => part === 'when')?.clauses[0];
  for (const { part, clauses } of rule.parts) {
    const faults = clauses.map((clause) => clauseFault(clause, part === 'when' ? undefined : when, rule, set));
    const dead = faults.filter((fault) => fault !== undefined);
    const whole = dead.length > 0 && dead.length === clauses.length;
    // What revives one alternative revives the rule.
    const http = dead.some((fault) => fault.http);
    found.push(...dead.map((fault) => ({ ...fault, http: whole ? http : fault.http, whole })));
  }
  return found;
}

type Fault = Omit<Contradiction, 'whole'>;

function clauseFault(
  clause: RuleClause,
  when: RuleClause | undefined,
  rule: EffectiveRule,
  set: PolicySet,
): Fault | undefined {
  const { action } = rule.policy;
  const strictnesses = [...profilesOf(rule.policy, set)].map((profile) => profile === 'strict');
  for (const field of clause.fields) {
    const fault = impossibleValues(field, rule.policy, set) ?? undoneByNegation(field, action, strictnesses);
    if (fault !== undefined) return fault;
  }
  const own = clause.fields.filter(({ values }) => values.length > 0);
  const others = [...own, ...(when?.fields.filter(({ values }) => values.length > 0) ?? [])];
  for (const field of own) {
    for (const other of others) {
      if (other === field || other.key !== field.key) continue;
      if (!strictnesses.every((strict) => hasOneReading(field.key, action, strict))) continue;
      if (field.values.every((a) => other.values.every((b) => valuesDisjoint(field.key, a, b)))) {
        return {
          field: field.path,
          http: isHttpField(field),
          reason: `nothing is in both ${field.path} and ${other.path}`,
        };
      }
    }
  }
  return namespacesWithoutPrincipal(own, others);
}

function undoneByNegation(field: RuleField, action: Action, strictnesses: readonly boolean[]): Fault | undefined {
  const { key, values, notValues, notPath } = field;
  if (values.length === 0 || notValues.length === 0) return undefined;
  const undone = (value: string, strict: boolean): boolean =>
    notValues.some(
      (not) => covers(key, not, value) && (action === 'ALLOW' || !strict || !isTemplate(value) || not === '*'),
    );
  return strictnesses.every(
    (strict) => negationUndoes(key, action, strict) && values.every((value) => undone(value, strict)),
  )
    ? { field: notPath, http: isHttpField(field), reason: `it takes away all that ${field.path} lets in` }
    : undefined;
}

/** A template in a guarding list reads more characters than the same one in an excluding list, so it proves nothing there. */
function covers(key: string, wide: string, narrow: string): boolean {
  if (key === 'path' && isTemplate(wide) && wide !== narrow) return false;
  return valueCovers(key, wide, narrow);
}

function impossibleValues(field: RuleField, policy: AuthorizationPolicy, set: PolicySet): Fault | undefined {
  const { key, values, path } = field;
  const reasons = values.map((value) => impossible(key, value, policy, set));
  const [first] = reasons;
  return first !== undefined && reasons.every((reason) => reason !== undefined)
    ? { field: path, http: isHttpField(field), reason: first, fix: fixOf(key, values[0] ?? '') }
    : undefined;
}

/** Principals that are written out in full carry their namespace. */
function namespacesWithoutPrincipal(own: readonly RuleField[], all: readonly RuleField[]): Fault | undefined {
  for (const principals of own.filter(({ key }) => key === 'source.principal')) {
    const names = principals.values.map((value) => (value.includes('*') ? undefined : readIdentity(value).namespace));
    if (names.some((name) => name === undefined)) continue;
    for (const other of all.filter(({ key }) => key === 'source.namespace')) {
      const apart = names.every((name) => other.values.every((value) => valuesDisjoint(other.key, name ?? '', value)));
      if (apart)
        return { field: principals.path, http: false, reason: `none of them is in a namespace of ${other.path}` };
    }
  }
  return undefined;
}
