import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AttributeBag, Reference } from '#proto/attributes/index.ts';
import { equalValues } from '#proto/attributes/index.ts';
import { compile, decide } from '#policies/index.ts';
import { policySet } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import { documents, mesh } from './policy-arbitraries.ts';
import { request } from './request-arbitraries.ts';

/** What a cache compares: the referenced attributes, and nothing else. */
function agreesOn(references: readonly Reference[], a: AttributeBag, b: AttributeBag): boolean {
  return references.every(({ name, key, condition }) => {
    const values = [a, b].map((bag) => {
      const value = bag.get(name);
      return key === undefined || !(value instanceof Map) ? value : (value.get(key) as string | undefined);
    });
    const [left, right] = values;
    if (condition === 'absence') return right === undefined;
    return left !== undefined && right !== undefined && equalValues(left, right);
  });
}

/** Broken headers are refused before a cache is asked, and names in capitals come from no proxy. */
const cacheable = request.filter(({ headers = [] }) =>
  headers.every(([name, value]) => /^[a-z_-]+$/.test(name) && name !== 'host' && !/[\0\r\n]/.test(value)),
);

test('a verdict holds for every request that agrees on what it references', () => {
  let agreed = 0;
  fc.assert(
    fc.property(
      documents,
      mesh,
      cacheable,
      fc.array(cacheable, { maxLength: 3 }),
      fc.array(fc.nat(99), { maxLength: 6 }),
      (all, where, first, others, picks) => {
        const program = compile(policySet(all, where), 1);
        const bag = requestBag(first);
        const verdict = decide(program, bag);
        // Requests that differ from the first in one or a few fields.
        const variants = others.map((other) => {
          const mixed = { ...first };
          const names = Object.keys(other) as (keyof typeof other)[];
          for (const pick of picks.slice(0, 2))
            Object.assign(mixed, { [names[pick % names.length]!]: other[names[pick % names.length]!] });
          return requestBag(mixed);
        });
        for (const variant of variants) {
          if (!agreesOn(verdict.referenced, bag, variant)) continue;
          agreed += 1;
          const again = decide(program, variant);
          expect([again.effect, again.status, again.policy, again.rule]).toEqual([
            verdict.effect,
            verdict.status,
            verdict.policy,
            verdict.rule,
          ]);
        }
      },
    ),
    { numRuns: Number(process.env['ORACLE_PAIRS'] ?? 3_000) / 10 },
  );
  expect(agreed).toBeGreaterThan(100);
}, 3_600_000);
