import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compile, decide } from '#policies/index.ts';
import type { Mesh } from '#policies/index.ts';
import { effectiveRules } from '#policies/lint/effective-rule.ts';
import type { EffectiveRule } from '#policies/lint/effective-rule.ts';
import { lint } from '#policies/lint/index.ts';
import { shadows } from '#policies/lint/shadows.ts';
import { policySet } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';
import { documents, manyRules, mesh as meshOfOneProfile } from './policy-arbitraries.ts';
import { request } from './request-arbitraries.ts';

const numRuns = Number(process.env['LINT_RUNS'] ?? 150);
const requests = fc.array(request, { minLength: 1, maxLength: 8 });
const anyDocuments = fc.oneof(documents, manyRules);

const profile = fc.constantFrom<Mesh['profile']>('strict', 'istio');
const namespaceProfiles = fc.dictionary(fc.constantFrom('shop', 'istio-system', 'other'), profile);
/** Every other one has namespaces with profiles of their own. */
const mesh: fc.Arbitrary<Partial<Mesh>> = fc
  .tuple(meshOfOneProfile, fc.option(namespaceProfiles))
  .map(([one, own]) => (own === null ? one : { ...one, namespaceProfiles: new Map(Object.entries(own)) }));

/** Whether decide, asked with this rule alone, finds that it matches. Undefined: it was not asked. */
function matches({ policy, rule }: EffectiveRule, where: Partial<Mesh>, one: RequestText): boolean | undefined {
  const alone = { ...policy, dryRun: false, rules: [rule] };
  const { status, effect, audit, rule: decided } = decide(compile(policySet([alone], where), 1), requestBag(one));
  if (status === 400) return undefined;
  return policy.action === 'ALLOW' ? effect === 'allow' && decided === 0 : decided === 0 || audit.length > 0;
}

describe('what the linter claims to have proven holds for every request', () => {
  test('a rule that never matches', () => {
    let claimed = 0;
    fc.assert(
      fc.property(anyDocuments, mesh, requests, (all, where, asked) => {
        const set = policySet(all, where);
        const rules = effectiveRules(set);
        for (const { id, policy, field, severity, reason } of lint(set)) {
          if (id !== 'GL023' || severity !== 'error') continue;
          claimed++;
          const index = Number(/^spec\.rules\[(\d+)\]/.exec(field)?.[1]);
          const rule = rules.find(
            (each) =>
              each.index === index && `${each.policy.metadata.namespace}/${each.policy.metadata.name}` === policy,
          );
          for (const one of asked) {
            if (rule === undefined || (one.protocol === 'tcp' && reason.includes('HTTP'))) continue;
            expect({ matches: matches(rule, where, one) === true, reason, one }).toEqual({
              matches: false,
              reason,
              one,
            });
          }
        }
      }),
      { numRuns },
    );
    expect(claimed).toBeGreaterThan(0);
  }, 600_000);

  test('a rule that another covers', () => {
    let claimed = 0;
    fc.assert(
      fc.property(anyDocuments, mesh, requests, (all, where, asked) => {
        for (const { rule, by } of shadows(policySet(all, where))) {
          claimed++;
          for (const one of asked) {
            if (matches(rule, where, one) !== true) continue;
            expect({ covered: matches(by, where, one), rule: rule.parts, by: by.parts, one }).toMatchObject({
              covered: true,
            });
          }
        }
      }),
      { numRuns },
    );
    expect(claimed).toBeGreaterThan(0);
  }, 600_000);
});
