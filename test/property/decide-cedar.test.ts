import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cedarRequest, printCedar, printPolicy } from '#policies/cedar/index.ts';
import { wasmCedar } from '#policies/cedar/wasm-engine.ts';
import { Facts } from '#policies/decide/facts.ts';
import { refuseMalformed } from '#policies/decide/decide.ts';
import { compile, decide, workloadOf } from '#policies/index.ts';
import type { AuthorizationPolicy, Document } from '#policies/documents/model.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import { policy, policySet } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';
import { documents, mesh } from './policy-arbitraries.ts';
import { request } from './request-arbitraries.ts';

// An engine that shares nothing with the index: what Cedar makes of the printed policies is what the index must decide.
// A full run: `CEDAR_PAIRS=100000 npx jest test/property/decide-cedar`.
const pairs = Number(process.env['CEDAR_PAIRS'] ?? 600);
const requestsPerSet = 6;
const seed = process.env['ORACLE_SEED'] === undefined ? {} : { seed: Number(process.env['ORACLE_SEED']) };

const engine = wasmCedar();

/** Policies that Cedar can say whole, or that decide nothing. */
function sayable(document: Document, where: Mesh): document is AuthorizationPolicy {
  if (document.kind !== 'AuthorizationPolicy') return false;
  if (document.action === 'CUSTOM') return false;
  return document.action === 'AUDIT' || document.dryRun || printPolicy(document, where).limits.length === 0;
}

function agree(all: readonly Document[], where: Partial<Mesh>, requests: readonly RequestText[]): void {
  const { mesh: whole } = policySet([], where);
  const set = policySet(
    all.filter((document) => sayable(document, whole)),
    where,
  );
  const { text } = printCedar(set);
  expect(engine.validate(text).filter(({ severity }) => severity === 'error')).toEqual([]);
  const cedar = engine.prepare([{ id: 'printed', text }], []);
  const program = compile(set, 1);
  for (const one of requests) {
    const bag = requestBag(one);
    const facts = new Facts(bag, program.settings);
    facts.begin();
    // What strict refuses before any policy is asked is no question to Cedar.
    if (refuseMalformed(facts, true) !== undefined) continue;
    if (whole.profile === 'strict' && facts.identity?.valid === false) continue;
    const answer = cedar.ask(cedarRequest(facts, workloadOf(bag)));
    expect(answer.errors).toEqual([]);
    const verdict = decide(program, bag);
    const said = { effect: answer.effect === 'permit' ? 'allow' : 'deny', one, text };
    expect({ effect: verdict.effect, one, text }).toEqual(said);
  }
}

test('the index decides what Cedar decides of the same policies, printed', () => {
  const asked = fc.array(request, { minLength: 1, maxLength: requestsPerSet });
  fc.assert(fc.property(documents, mesh, asked, agree), { ...seed, numRuns: Math.ceil(pairs / (requestsPerSet / 2)) });
}, 3_600_000);

test('an audience that is empty is no presence', () => {
  for (const values of [['*'], ['us'], ['*', 'us']]) {
    const rule = { when: [{ key: 'request.auth.audiences', values }] };
    const requests = ['', 'us', [''], ['', 'us'], []].map((aud) => ({ path: '/', method: 'GET', claims: { aud } }));
    agree([policy('a', 'ALLOW', [rule])], {}, requests);
  }
});
