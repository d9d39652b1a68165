import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compile, decide } from '#policies/index.ts';
import type { Mesh, PolicySet } from '#policies/index.ts';
import { matchesPattern, readPattern } from '#policies/compile/pattern.ts';
import { readIdentity } from '#policies/decide/identity.ts';
import { normalizePath, pathOnly } from '#policies/decide/normalize-path.ts';
import type { AuthorizationPolicy } from '#policies/documents/model.ts';
import { effectiveRules } from '#policies/lint/effective-rule.ts';
import type { EffectiveRule } from '#policies/lint/effective-rule.ts';
import { impossible } from '#policies/lint/impossible-value.ts';
import { lint } from '#policies/lint/index.ts';
import { shadows } from '#policies/lint/shadows.ts';
import { policy, policySet } from '#test/fakes/policy-documents.ts';
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

  test.each(['BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const)(
    'a character that no path has: %s',
    (level) => {
      const { one, set } = onePolicy({ pathNormalization: level });
      const odd = fc.string({
        unit: fc.constantFrom(...Array.from('/a.%25cC7e|^`"<>{}\\ [](){}+$ü\u{1f600}\u0001')),
        maxLength: 12,
      });
      fc.assert(
        fc.property(odd, (text) => {
          const path = normalizePath(level, pathOnly(`/${text}`));
          if (path !== undefined) expect(impossible('path', path, one, set)).toBeUndefined();
        }),
        { numRuns: 2000 },
      );
      expect(impossible('path', '/a|', one, set)).toBeDefined();
    },
  );

  test('a character that no identity has', () => {
    const { one, set } = onePolicy({ profile: 'strict' });
    const odd = fc.string({ unit: fc.constantFrom(...Array.from('abAB0._-/*[|^ \\')), maxLength: 8 });
    fc.assert(
      fc.property(odd, fc.nat({ max: 30 }), (text, at) => {
        const principal = `td.test/ns/${text}/sa/web`;
        for (const value of [principal, `${principal.slice(0, at)}*`, `*${principal.slice(at)}`]) {
          if (impossible('source.principal', value, one, set) === undefined) continue;
          const matched = matchesPattern(readPattern(value), principal);
          expect({ value, matched: matched && readIdentity(principal).valid }).toEqual({ value, matched: false });
        }
      }),
      { numRuns: 2000 },
    );
    expect(impossible('source.principal', 'td.test/ns/*/sa/web', one, set)).toBeDefined();
  });
});

function onePolicy(mesh: Partial<Mesh>): { one: AuthorizationPolicy; set: PolicySet } {
  const one = policy('p', 'DENY', []);
  return { one, set: policySet([one], mesh) };
}
