import { describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import * as policies from 'garrison/policies';

describe('the policy library', () => {
  test('has these names and no others', () => {
    expect(Object.keys(policies).sort()).toMatchInlineSnapshot(`
     [
       "MapBag",
       "Timestamp",
       "certificateFaultAttribute",
       "compile",
       "compileRegistry",
       "decide",
       "defaultMesh",
       "describeFault",
       "gatherEvidence",
       "inlineKeysOnly",
       "keyFault",
       "loadPolicies",
       "metadataAttribute",
       "metadataEntry",
       "mtlsModeFor",
       "normalizePath",
       "pathOnly",
       "policiesInForce",
       "readKeySet",
       "requirements",
       "tokenOfClaims",
       "verifyTokens",
       "workloadOf",
     ]
    `);
  });

  test('loads, compiles and decides by its public name', () => {
    const loaded = policies.loadPolicies([
      {
        name: 'admin.yaml',
        text: `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: admin, namespace: shop }
spec: { action: DENY, rules: [{ to: [{ operation: { paths: ["/admin*"] } }] }] }
`,
      },
    ]);
    if (!loaded.ok) throw new Error('the document is valid');
    const bag = new policies.MapBag([
      ['context.protocol', 'http'],
      ['destination.namespace', 'shop'],
      ['request.method', 'GET'],
      ['request.path', '/x/../admin'],
    ]);
    const verdict = policies.decide(policies.compile(loaded.set, 1), bag);
    expect(verdict).toMatchObject({ effect: 'deny', status: 403, policy: 'shop/admin', rule: 0, revision: 1 });
    expect(verdict.reason).toBe('denied by rule 0 of shop/admin');
  });

  test('goes into a page: nothing of Node is imported', async () => {
    const { metafile, outputFiles } = await build({
      stdin: { contents: `export * from 'garrison/policies';`, resolveDir: import.meta.dirname },
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'browser',
      conditions: ['development'],
      logLevel: 'silent',
    });
    const external = Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter((one) => one.external));
    expect(external).toEqual([]);
    expect(outputFiles[0]?.text).not.toMatch(/from\s*["']node:/);
  });
});
