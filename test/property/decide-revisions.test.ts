import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compileSteps } from '#policies/compile/program.ts';
import { compile, decide } from '#policies/index.ts';
import type { Program, Verdict } from '#policies/index.ts';
import type { Document } from '#policies/documents/model.ts';
import { finish } from '#schema/index.ts';
import { policySet } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import { documents, mesh } from './policy-arbitraries.ts';
import { request } from './request-arbitraries.ts';

function said({ effect, status, policy, rule, reason, audit, shadow, referenced }: Verdict): unknown {
  return { effect, status, policy, rule, reason, audit, shadow, referenced };
}

/** What takes over from an earlier revision whatever did not change decides as what is compiled from nothing. */
test('a revision decides the same whatever was in force before it', () => {
  let adopted = 0;
  fc.assert(
    fc.property(
      documents,
      documents,
      mesh,
      fc.array(request, { minLength: 1, maxLength: 4 }),
      fc.array(fc.nat(9), { maxLength: 3 }),
      (all, more, where, requests, dropped) => {
        const bags = requests.map(requestBag);
        const first = policySet(all, where);
        const before = compile(first, 1);
        for (const bag of bags) decide(before, bag);
        const named = new Set(all.map(nameOf));
        const next = [
          ...all.filter((_, i) => !dropped.includes(i)),
          ...more.filter((document) => dropped.length > 0 && !named.has(nameOf(document))),
        ];
        // One loader gives every set the same mesh.
        const set = { ...policySet(next, where), mesh: first.mesh };
        const after = finish(compileSteps(set, 2, before.inUse));
        const fresh = compile(set, 2);
        adopted += sharesWith(before, after);
        for (const bag of bags) expect(said(decide(after, bag))).toEqual(said(decide(fresh, bag)));
      },
    ),
    { numRuns: 400 },
  );
  expect(adopted).toBeGreaterThan(20);
}, 600_000);

function nameOf({ kind, metadata }: Document): string {
  return `${kind} ${metadata.namespace}/${metadata.name}`;
}

/** For how many workloads the very index is kept. */
function sharesWith(before: Program, after: Program): number {
  return before.inUse.filter(
    ({ workload, transports }) =>
      transports.includes('http') && before.forWorkload(workload).http === after.forWorkload(workload).http,
  ).length;
}
