import { eachRule, observeRule } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';

export const emptyList: LintRule = {
  id: 'GL026',
  name: 'empty-list',
  severity: 'warning',
  summary: 'An empty list asks nothing: it does not mean nobody.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      for (const path of rule.emptyLists ?? []) {
        const opens =
          policy.action === 'ALLOW' ? 'allows whatever the rest of the rule matches' : 'matches by the rest';
        yield observeRule(policy, index, path, {
          reason: `is empty, which is as if it were not there: the rule ${opens}`,
          fix: 'list the values, or remove it',
        });
      }
    }
  },
};
