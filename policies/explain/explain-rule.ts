import { quoteable } from '#schema/quoteable.ts';
import type { FieldKinds } from '../compile/condition.ts';
import type { Mode } from '../compile/mode.ts';
import { modesFor } from '../compile/mode.ts';
import type { Facts } from '../decide/facts.ts';
import type { Profile } from '../documents/mesh.ts';
import type { Action, Rule } from '../documents/model.ts';
import type { ClauseReport, FieldReport, PartReport, RuleReport } from './explanation.ts';
import { fieldKindOf } from './field-kind.ts';
import { foundFor } from './found-values.ts';
import { isHttpField, ruleFieldsOf, rulePartsOf } from './rule-fields.ts';
import type { RuleClause, RuleField } from './rule-fields.ts';

export interface RuleQuestion {
  readonly facts: Facts;
  readonly kinds: FieldKinds;
  readonly profile: Profile;
  readonly action: Action;
}

/** One rule compared with one request, list by list, by the tests that the compiled rule is made of. */
export function explainRule(rule: Rule, index: number, question: RuleQuestion): RuleReport {
  const dropped = droppedOn(rule, question);
  const parts =
    dropped === undefined
      ? rulePartsOf(rule)
          .filter(({ clauses }) => clauses.length > 0)
          .map(({ part, clauses }): PartReport => {
            const told = clauses.map((clause) => explainClause(clause, question));
            return { part, holds: told.some(({ holds }) => holds), clauses: told };
          })
      : [];
  const matches = dropped === undefined && parts.every(({ holds }) => holds);
  return { rule: index, place: rule.place, matches, dropped, parts };
}

/** On TCP an ALLOW rule that asks about HTTP is left out whole (authorization.md §1.6). */
function droppedOn(rule: Rule, { facts, action }: RuleQuestion): string | undefined {
  if (facts.http || action !== 'ALLOW') return undefined;
  const field = ruleFieldsOf(rule).find(isHttpField);
  if (field === undefined) return undefined;
  const path = field.values.length > 0 ? field.path : field.notPath;
  return `${path} asks about HTTP and this is TCP: an ALLOW rule is left out whole`;
}

function explainClause({ path, fields }: RuleClause, question: RuleQuestion): ClauseReport {
  const { positive, negative } = modesFor(question.profile, question.action);
  const told = fields.flatMap((field): FieldReport[] => [
    ...(field.values.length > 0 ? [explainList(field, false, positive, question)] : []),
    ...(field.notValues.length > 0 ? [explainList(field, true, negative, question)] : []),
  ]);
  return { path, holds: told.every(({ holds }) => holds), fields: told };
}

function explainList(field: RuleField, negative: boolean, mode: Mode, { facts, kinds }: RuleQuestion): FieldReport {
  const values = negative ? field.notValues : field.values;
  const path = negative ? field.notPath : field.path;
  if (!facts.http && isHttpField(field)) {
    const text = 'asks about HTTP and this is TCP: it is left out, which makes the rule wider';
    return { field: path, negative, values, found: [], holds: true, skipped: true, text };
  }
  const kind = fieldKindOf(field.key, kinds);
  const hit = kind.make(values, mode).test(facts);
  const found = foundFor(field.key, facts, mode);
  const by = hit ? values.filter((value) => kind.make([value], mode).test(facts)) : [];
  return {
    field: path,
    negative,
    values,
    found: found.values,
    holds: hit !== negative,
    skipped: false,
    text: `${sideOfRequest(found.what, found.values, found.absent, mode)}, ${sideOfRule(values, negative, hit, by)}`,
  };
}

function sideOfRequest(what: string, values: readonly string[], absent: string, mode: Mode): string {
  if (values.length === 0) return absent;
  const list = shortList(values, (value) => (value === '' ? 'empty' : `\`${quoteable(value)}\``));
  if (values.length === 1) return `${what} is ${list}`;
  const reading = mode === 'narrow' ? 'all of them must match' : 'any of them counts';
  return `${what} is ${list} (${reading})`;
}

function sideOfRule(values: readonly string[], negative: boolean, hit: boolean, by: readonly string[]): string {
  const quote = (value: string): string => `\`${quoteable(value)}\``;
  const wanted = shortList(values, quote);
  const hitBy = by.length > 0 ? shortList(by, quote) : wanted;
  if (negative) return hit ? `and must not be ${hitBy}` : `none of ${wanted}`;
  return hit ? `which ${hitBy} matches` : `wanted ${wanted}`;
}

const most = 5;

function shortList(values: readonly string[], show: (value: string) => string): string {
  const shown = values.slice(0, most).map(show);
  const rest = values.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}
