import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compile, decide } from '#policies/index.ts';
import type { ProviderAnswer } from '#policies/index.ts';
import { policySet } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';
import type { Document } from '#policies/documents/model.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import { evaluate } from '#test/oracle/evaluate.ts';
import { documents, manyRules, mesh } from './policy-arbitraries.ts';
import { request } from './request-arbitraries.ts';

/** A full run asks for 100,000 and more: `ORACLE_PAIRS=100000 npx jest test/property/decide-oracle`. */
const pairs = Number(process.env['ORACLE_PAIRS'] ?? 3_000);
const requestsPerSet = 6;

const providers = fc.dictionary(fc.constantFrom('p', 'q'), fc.constantFrom<ProviderAnswer>('allow', 'deny'));

const seed = process.env['ORACLE_SEED'] === undefined ? {} : { seed: Number(process.env['ORACLE_SEED']) };
const asked = fc.array(request, { minLength: 1, maxLength: requestsPerSet });
const runs = (share: number): { numRuns: number } => ({
  ...seed,
  numRuns: Math.ceil((pairs * share) / (requestsPerSet / 2)),
});

function agree(
  all: readonly Document[],
  where: Partial<Mesh>,
  requests: readonly RequestText[],
  answers: Readonly<Record<string, ProviderAnswer>>,
): void {
  const set = policySet(all, where);
  const program = compile(set, 1);
  for (const one of requests) {
    const verdict = decide(program, requestBag(one), { providers: new Map(Object.entries(answers)) });
    const { effect, status, policy, rule, audit, shadow } = verdict;
    const expected = evaluate(set, one, answers);
    expect({ effect, status, policy, rule, audit: [...audit], shadow, one }).toEqual({ ...expected, one });
  }
}

describe('the engine agrees with the plain evaluator', () => {
  test('on every kind of document', () => {
    fc.assert(fc.property(documents, mesh, asked, providers, agree), runs(0.9));
  }, 3_600_000);

  test('on many rules at once', () => {
    fc.assert(fc.property(manyRules, mesh, asked, fc.constant({}), agree), runs(0.1));
  }, 3_600_000);
});
