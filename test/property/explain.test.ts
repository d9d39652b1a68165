import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compile, decide } from '#policies/index.ts';
import type { ProviderAnswer } from '#policies/index.ts';
import { explain, explanationText } from '#policies/explain/index.ts';
import type { Explanation, PolicyReport } from '#policies/explain/index.ts';
import type { AuthorizationPolicy, Document } from '#policies/documents/model.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import { policySet } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';
import { documents, mesh } from './policy-arbitraries.ts';
import { request } from './request-arbitraries.ts';

const numRuns = Number(process.env['EXPLAIN_RUNS'] ?? 600);
const providers = fc.dictionary(fc.constantFrom('p', 'q'), fc.constantFrom<ProviderAnswer>('allow', 'deny'));

function named(set: readonly Document[], { policy }: PolicyReport): AuthorizationPolicy {
  const found = set.find(
    (document): document is AuthorizationPolicy =>
      document.kind === 'AuthorizationPolicy' && `${document.metadata.namespace}/${document.metadata.name}` === policy,
  );
  if (found === undefined) throw new Error(policy);
  return found;
}

/** What decide says of one rule alone, without anything that could get in its way. */
function matchesAlone(policy: AuthorizationPolicy, rule: number, where: Partial<Mesh>, one: RequestText): boolean {
  const alone = { ...policy, dryRun: false, rules: policy.rules.slice(rule, rule + 1) };
  const verdict = decide(compile(policySet([alone], where), 1), requestBag(one));
  switch (policy.action) {
    case 'ALLOW':
      return verdict.effect === 'allow';
    case 'AUDIT':
      return verdict.audit.length > 0;
    default:
      return verdict.effect === 'deny';
  }
}

const live = (told: Explanation, action: string): PolicyReport[] =>
  told.policies.filter((policy) => policy.action === action && policy.matches && !policy.dryRun);

describe('an explanation', () => {
  test('is of the verdict, and what it says of each policy makes that verdict', () => {
    fc.assert(
      fc.property(documents, mesh, request, providers, (all, where, one, answers) => {
        const program = compile(policySet(all, where), 1);
        const evidence = { providers: new Map(Object.entries(answers)) };
        const verdict = decide(program, requestBag(one), evidence);
        const told = explain(program, requestBag(one), evidence);
        const { effect, status, policy, rule, reason } = verdict;
        expect(told.verdict).toMatchObject({ effect, status, policy, rule: rule ?? null, reason });
        expect(explanationText(told)).toContain(effect === 'allow' ? 'ALLOWED' : `DENIED (${status})`);
        const decider = told.policies.filter(({ decides }) => decides);
        expect(decider.map((each) => each.policy)).toEqual(rule === undefined ? [] : [policy]);
        if (rule !== undefined) expect(decider[0]?.rules[rule]?.matches).toBe(true);
        if (told.step !== 'rules') {
          expect(effect).toBe('deny');
          expect(told.policies.filter(({ action, asked }) => asked && action !== 'CUSTOM')).toEqual([]);
          return;
        }
        expect(
          live(told, 'AUDIT')
            .map((each) => each.policy)
            .sort(),
        ).toEqual([...verdict.audit].sort());
        const allowInForce = told.policies.some(({ action, dryRun }) => action === 'ALLOW' && !dryRun);
        const denies = live(told, 'DENY').length > 0 || (allowInForce && live(told, 'ALLOW').length === 0);
        expect(effect).toBe(denies ? 'deny' : 'allow');
      }),
      { numRuns },
    );
  }, 600_000);

  test('tells of every rule what decide would say of it alone', () => {
    fc.assert(
      fc.property(documents, mesh, request, (all, where, one) => {
        const told = explain(compile(policySet(all, where), 1), requestBag(one), {
          providers: new Map([
            ['p', 'allow'],
            ['q', 'allow'],
          ]),
        });
        for (const report of told.policies.filter(({ asked }) => asked)) {
          const policy = named(all, report);
          for (const { rule, matches } of report.rules) {
            expect({ rule, matches, report: report.policy }).toEqual({
              rule,
              matches: matchesAlone(policy, rule, where, one),
              report: report.policy,
            });
          }
        }
      }),
      { numRuns },
    );
  }, 600_000);
});
