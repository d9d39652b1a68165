import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { printCedar, printPolicy } from '#policies/cedar/index.ts';
import { wasmCedar } from '#policies/cedar/wasm-engine.ts';
import { compile, decide, loadPolicies } from '#policies/index.ts';
import type { AuthorizationPolicy, Document } from '#policies/documents/model.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import { policySet } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';
import { documents, mesh } from './policy-arbitraries.ts';
import { request } from './request-arbitraries.ts';

// The printed policies, read back as a CedarPolicy document of the root namespace, decide as the set they were printed from.
const sets = Number(process.env['CEDAR_SETS'] ?? 100);
const engine = wasmCedar();

function sayable(document: Document, where: Mesh): document is AuthorizationPolicy {
  if (document.kind !== 'AuthorizationPolicy' || document.dryRun) return false;
  return ['ALLOW', 'DENY'].includes(document.action) && printPolicy(document, where).limits.length === 0;
}

function agree(all: readonly Document[], where: Partial<Mesh>, requests: readonly RequestText[]): void {
  const { mesh: whole } = policySet([], where);
  const set = policySet(
    all.filter((document) => sayable(document, whole)),
    where,
  );
  const document = {
    apiVersion: 'garrison.dev/v1',
    kind: 'CedarPolicy',
    metadata: { name: 'printed', namespace: whole.rootNamespace },
    spec: { policy: printCedar(set).text },
  };
  const loaded = loadPolicies([{ name: 'printed.json', text: JSON.stringify(document) }], where, { cedar: engine });
  expect(loaded).toMatchObject({ ok: true });
  if (!loaded.ok) return;
  const [original, printed] = [compile(set, 1), compile(loaded.set, 1)];
  for (const one of requests) {
    const bag = requestBag(one);
    const expected = decide(original, bag);
    const actual = decide(printed, bag);
    expect({ effect: actual.effect, status: actual.status, one }).toEqual({
      effect: expected.effect,
      status: expected.status,
      one,
    });
  }
}

test('a set printed as Cedar and read back as a document decides as that set', () => {
  const asked = fc.array(request, { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(documents, mesh, asked, agree), { numRuns: sets });
}, 3_600_000);
