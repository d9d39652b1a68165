import { expect, test } from '@jest/globals';
import { DecisionCounts } from '#services/authz/decision-counts.ts';

const allowed = {
  id: 'd',
  effect: 'allow',
  policy: 'none',
  rule: undefined,
  revision: 1n,
  reason: '',
  httpStatus: 200,
  audit: [],
};

test('what dry-run policies would have decided is counted by what it would have been', () => {
  const counts = new DecisionCounts();
  counts.decided({ ...allowed, shadowAllow: '', shadowDeny: 'shop/next' });
  counts.decided({ ...allowed, shadowAllow: '', shadowDeny: 'shop/next' });
  counts.decided({ ...allowed, shadowAllow: 'none', shadowDeny: '' });
  counts.decided({ ...allowed, shadowAllow: 'shop/open', shadowDeny: '' });
  const lines = counts
    .exposition()
    .split('\n')
    .filter((line) => line.startsWith('garrison_shadow_decisions_total'));
  expect(lines).toEqual([
    'garrison_shadow_decisions_total{effect="deny",policy="shop/next"} 2',
    'garrison_shadow_decisions_total{effect="deny",policy="none"} 1',
    'garrison_shadow_decisions_total{effect="allow",policy="shop/open"} 1',
  ]);
});
