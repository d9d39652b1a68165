import { ruleFieldsOf, rulePartsOf } from '../explain/rule-fields.ts';
import type { RuleClause } from '../explain/rule-fields.ts';
import { eachRule, observeRule } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';

/** An absent attribute is none of the values, so `not…` in an ALLOW lets through what nobody thought of (authorization.md §1.4). */
export const allowOnlyNegations: LintRule = {
  id: 'GL001',
  name: 'allow-only-negations',
  severity: 'warning',
  summary: 'An ALLOW rule of nothing but negations allows everything it does not name.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      const fields = ruleFieldsOf(rule);
      if (policy.action !== 'ALLOW' || fields.length === 0 || fields.some(({ values }) => values.length > 0)) continue;
      yield observeRule(policy, index, '', {
        reason: 'allows everything but what it names, requests without identity, host or token among it',
        fix: 'say what is allowed, or put what is forbidden into a DENY policy',
      });
    }
  },
};

const unsafe = /\.not(Paths|Hosts|Principals|RequestPrincipals)$/;

export const allowByNegation: LintRule = {
  id: 'GL002',
  name: 'allow-by-negation',
  severity: 'warning',
  summary: 'In an ALLOW rule, notPaths, notHosts and notPrincipals alone match whatever is spelled another way.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      if (policy.action !== 'ALLOW' || !ruleFieldsOf(rule).some(({ values }) => values.length > 0)) continue;
      const clauses = rulePartsOf(rule).flatMap((part) => (part.part === 'when' ? [] : part.clauses));
      for (const field of clauses.flatMap(loneNegations)) {
        yield observeRule(policy, index, field, {
          reason: 'allows every other one, absent and oddly spelled ones among them',
          fix: 'list what is allowed beside it, or forbid these in a DENY policy',
        });
      }
    }
  },
};

/** A clause that says what must not be and nothing of what must. */
function loneNegations({ fields }: RuleClause): string[] {
  if (fields.some(({ values }) => values.length > 0)) return [];
  return fields.filter(({ notPath }) => unsafe.test(notPath)).map(({ notPath }) => notPath);
}
