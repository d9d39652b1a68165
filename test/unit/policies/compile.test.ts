import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { comparePolicies } from '#policies/compile/compare-policies.ts';
import type { CompiledRule } from '#policies/compile/compiled-rule.ts';
import { compileSteps } from '#policies/compile/program.ts';
import type { Program } from '#policies/compile/program.ts';
import { compile, decide, workloadOf } from '#policies/index.ts';
import { finish } from '#schema/index.ts';
import { policy, policySet } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';

test('policies are in the order in which upstream sorts the names of their rules', () => {
  const part = fc.string({ unit: fc.constantFrom('a', 'z', '0', '9', '-', '.'), minLength: 1, maxLength: 4 });
  const pair = fc.tuple(part, part);
  const spelled = ([namespace, name]: [string, string]): string => `ns[${namespace}]-policy[${name}]`;
  fc.assert(
    fc.property(pair, pair, (a, b) => {
      const expected = spelled(a) < spelled(b) ? -1 : spelled(a) > spelled(b) ? 1 : 0;
      expect(Math.sign(comparePolicies(a.join('/'), b.join('/')))).toBe(expected);
    }),
    { numRuns: 10_000 },
  );
});

test('a policy that did not change is not compiled again, though others of its workload did', () => {
  const kept = policy('kept', 'DENY', [{ to: [{ paths: ['/a'] }] }]);
  const before = policySet([kept, policy('other', 'DENY', [{ to: [{ paths: ['/b'] }] }])]);
  const first = compile(before, 1);
  const bag = requestBag({ path: '/b' });
  expect(decide(first, bag)).toMatchObject({ effect: 'deny', policy: 'shop/other' });
  const changed = [policy('new', 'DENY', [{ to: [{ paths: ['/c'] }] }]), kept];
  const after = { ...policySet(changed), mesh: before.mesh };
  const second = finish(compileSteps(after, 2, first.inUse));
  const rules = (program: Program): CompiledRule[] =>
    [...program.forWorkload(workloadOf(bag)).http.index.postings()].flatMap(({ single }) => single ?? []);
  const ofKept = (rule: CompiledRule): boolean => rule.policy === 'shop/kept';
  expect(rules(second).map((rule) => rule.policy)).toEqual(['shop/kept', 'shop/new']);
  expect(rules(second).find(ofKept)).toBe(rules(first).find(ofKept));
  // In another mesh the same policy may mean something else.
  const elsewhere = finish(compileSteps(policySet(changed), 3, first.inUse));
  expect(rules(elsewhere).find(ofKept)).not.toBe(rules(first).find(ofKept));
});
