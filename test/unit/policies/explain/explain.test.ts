import { describe, expect, test } from '@jest/globals';
import { cedarFor } from '#policies/cedar/index.ts';
import { compile, describeFault, loadPolicies } from '#policies/index.ts';
import type { Evidence, Program } from '#policies/index.ts';
import { explain, explanationText } from '#policies/explain/index.ts';
import type { Explanation } from '#policies/explain/index.ts';
import { jwtRule, peerAuthentication, policy, policySet, requestAuthentication } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';
import type { Document } from '#policies/documents/model.ts';
import type { Mesh } from '#policies/documents/mesh.ts';

function explained(
  documents: readonly Document[],
  request: RequestText,
  mesh: Partial<Mesh> = {},
  evidence: Evidence = {},
): Explanation {
  return explain(compile(policySet(documents, mesh), 7), requestBag(request), evidence);
}

/** The words about the one list of the one rule of the one policy. */
function wordsOf(document: Document, request: RequestText, mesh: Partial<Mesh> = {}): string | undefined {
  return explained([document], request, mesh).policies[0]?.rules[0]?.parts[0]?.clauses[0]?.fields[0]?.text;
}

const explainTexts = (program: Program, method: string): string[] =>
  explain(program, requestBag({ method })).policies.map(({ text }) => text);

const web = 'cluster.local/ns/shop/sa/web';

describe('explaining one list', () => {
  test.each<[string, Parameters<typeof policy>[2][0], RequestText, string]>([
    ['a caller', { from: [{ principals: ['x/y'] }] }, { principal: web }, `caller is \`${web}\`, wanted \`x/y\``],
    [
      'no caller',
      { from: [{ namespaces: ['shop'] }] },
      {},
      'the caller has no identity: there was no client certificate, wanted `shop`',
    ],
    ['a path', { to: [{ paths: ['/a', '/b*'] }] }, { path: '/b/c' }, 'path is `/b/c`, which `/b*` matches'],
    ['a negative list', { to: [{ notPaths: ['/a*'] }] }, { path: '/a/c' }, 'path is `/a/c`, and must not be `/a*`'],
    [
      'an absent header',
      { when: [{ key: 'request.headers[x-a]', values: ['1'] }] },
      {},
      'header `x-a` is absent, wanted `1`',
    ],
    [
      'a claim that never matches',
      { when: [{ key: 'request.auth.claims[admin]', values: ['true'] }] },
      { claims: { iss: 'i', sub: 's', admin: true } },
      'claim `admin` is a boolean, and only strings and lists of strings match, wanted `true`',
    ],
    ['no token', { from: [{ requestPrincipals: ['*'] }] }, {}, 'there is no verified token, wanted `*`'],
    [
      'an address',
      { from: [{ ipBlocks: ['fe80::/64'] }] },
      { ip: [10, 0, 0, 1] },
      'address of the caller is `10.0.0.1`, wanted `fe80::/64`',
    ],
  ])('%s', (_name, rule, request, words) => {
    expect(wordsOf(policy('p', 'DENY', [rule]), request)).toBe(words);
  });

  test('says which readings were taken, and how', () => {
    const rule = { when: [{ key: 'request.headers[x-role]', values: ['user'] }] };
    const headers = [['x-role', 'user'], ['x-role', 'admin']] as const; // prettier-ignore
    expect(wordsOf(policy('p', 'ALLOW', [rule]), { headers })).toBe(
      'header `x-role` is `user`, `admin` (all of them must match), wanted `user`',
    );
    expect(wordsOf(policy('p', 'DENY', [rule]), { headers })).toBe(
      'header `x-role` is `user`, `admin` (any of them counts), which `user` matches',
    );
  });
});

describe('explaining a decision', () => {
  test('names the step that refused, and asks nobody behind it', () => {
    const strict = peerAuthentication('strict', 'STRICT');
    const told = explained([strict, policy('p', 'ALLOW', [{}])], {});
    expect(told).toMatchObject({ step: 'peer', mtls: { mode: 'STRICT', policy: 'shop/strict' }, token: undefined });
    expect(told.policies).toMatchObject([{ asked: false, rules: [] }]);
    expect(explanationText(told)).toContain('ALLOW shop/p: not asked: PeerAuthentication is STRICT');
  });

  test('tells what TCP makes of rules about HTTP', () => {
    const rules = [{ to: [{ paths: ['/a'], ports: ['8080'] }] }];
    const told = explained([policy('a', 'ALLOW', rules), policy('d', 'DENY', rules)], { protocol: 'tcp' });
    expect(told.policies.map(({ policy: name, matches }) => [name, matches])).toEqual([
      ['shop/d', true],
      ['shop/a', false],
    ]);
    expect(told.policies[1]?.rules[0]?.dropped).toBe(
      'to[0].operation.paths asks about HTTP and this is TCP: an ALLOW rule is left out whole',
    );
    expect(told.policies[0]?.rules[0]?.parts[0]?.clauses[0]?.fields.map(({ skipped }) => skipped)).toEqual([
      false,
      true,
    ]);
  });

  test('says why documents are not in force', () => {
    const told = explained(
      [
        policy('far', 'ALLOW', [{}], { namespace: 'moon' }),
        policy('label', 'DENY', [{}], { selector: new Map([['app', 'web']]) }),
        policy('gate', 'DENY', [{}], { targetRefs: [{ kind: 'Gateway', name: 'g' }] }),
        peerAuthentication('young', 'STRICT', { created: 2 }),
        peerAuthentication('old', 'DISABLE', { created: 1 }),
      ],
      {},
    );
    expect(told.notInForce.map(({ policy: name, reason }) => `${name}: ${reason}`)).toEqual([
      'moon/far: namespace `moon` is neither that of the workload (`shop`) nor the root namespace (`istio-system`)',
      'shop/label: selects label `app: web`, and the workload has `app: cart`',
      'shop/gate: is about Gateway `g`, and the workload is no gateway',
      'shop/young: an older one of the same scope counts instead',
    ]);
    expect(told.mtls).toMatchObject({ mode: 'DISABLE', policy: 'shop/old' });
  });

  test('tells of tokens, providers and dry runs', () => {
    const documents = [
      requestAuthentication('jwt', [jwtRule({ issuer: 'https://i.test', presence: 'REQUIRED' })]),
      policy('ask', 'CUSTOM', [{}], { provider: 'p' }),
      policy('trial', 'DENY', [{}], { dryRun: true }),
    ];
    const asked = { providers: new Map([['p', 'allow']] as const) };
    const refused = explained(documents, {}, {}, asked);
    expect(refused).toMatchObject({
      step: 'token',
      token: { outcome: 'refused', text: 'refused (401): a token is required' },
    });
    expect(refused.policies[0]?.text).toBe('rule 0 matches, and provider `p` allowed');
    expect(explained(documents, {})).toMatchObject({ step: 'custom', policies: [{ decides: true }, { asked: false }] });
    expect(explained(documents.slice(2), {})).toMatchObject({
      verdict: { effect: 'allow', shadow: { deny: 'shop/trial' } },
      policies: [{ matches: true, decides: false, text: 'rule 0 would deny, but it is a dry run' }],
    });
  });

  test('shows what rules see of a path', () => {
    const told = explained([policy('p', 'DENY', [{ to: [{ paths: ['/admin'] }] }])], { path: '/x/../admin?q' });
    expect(told.request?.path).toEqual({ sent: '/x/../admin?q', matched: '/admin' });
    expect(explanationText(told).split('\n').slice(0, 4)).toEqual([
      'DENIED (403) by rule 0 of shop/p, revision 7',
      '  at test.yaml:1:1',
      '  DENY shop/p: decides: rule 0 matches',
      '    rule 0 to[0].operation.paths: path is `/admin`, which `/admin` matches',
    ]);
  });

  test('tells what Cedar said', async () => {
    const text = `apiVersion: garrison.dev/v1
kind: CedarPolicy
metadata: { name: guard, namespace: shop }
spec: { policy: 'forbid(principal, action, resource) when { context has "request.method" && context["request.method"] == "PUT" };' }
---
apiVersion: garrison.dev/v1
kind: CedarPolicy
metadata: { name: far, namespace: moon }
spec: { policy: 'permit(principal, action, resource);' }`;
    const loaded = loadPolicies([{ name: 'a.yaml', text }], {}, { cedar: await cedarFor([{ text }]) });
    if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join(';'));
    const program = compile(loaded.set, 1);
    const forbidden = explain(program, requestBag({ method: 'PUT' }));
    expect(forbidden).toMatchObject({
      verdict: { effect: 'deny', policy: 'shop/guard', rule: 0 },
      policies: [{ action: 'CEDAR', decides: true, matches: true, text: 'policy 0 forbids' }],
      notInForce: [{ kind: 'CedarPolicy', policy: 'moon/far' }],
    });
    expect(explainTexts(program, 'GET')).toEqual(['none of its policies applies']);
  });

  test('answers for a request that cannot be decided', () => {
    const told = explain(compile(policySet([]), 1), requestBag({ more: { 'destination.namespace': 5n } }));
    expect(told).toMatchObject({ step: 'error', verdict: { effect: 'deny' }, policies: [] });
    expect(explanationText(told)).toContain('DENIED (403): error while deciding');
  });
});
