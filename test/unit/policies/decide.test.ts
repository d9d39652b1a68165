import { describe, expect, test } from '@jest/globals';
import { compile, decide, describeFault, loadPolicies } from '#policies/index.ts';
import type { Verdict } from '#policies/index.ts';
import type { Document } from '#policies/documents/model.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import { MapBag } from '#proto/attributes/index.ts';
import { peerAuthentication, policy, policySet } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';

const web = 'cluster.local/ns/shop/sa/web';

function ask(documents: readonly Document[], request: RequestText, mesh: Partial<Mesh> = {}): Verdict {
  return decide(compile(policySet(documents, mesh), 7), requestBag(request));
}

describe('decide', () => {
  test('allows where no policy is in force, and names the revision', () => {
    const verdict = ask([], {});
    expect(verdict).toMatchObject({ effect: 'allow', status: 200, policy: 'none', rule: undefined, revision: 7 });
  });

  test('an ALLOW policy without rules denies all', () => {
    expect(ask([policy('nothing', 'ALLOW', [])], {})).toMatchObject({ effect: 'deny', status: 403, policy: 'none' });
  });

  test('DENY goes before ALLOW and is named', () => {
    const documents = [
      policy('all', 'ALLOW', [{}]),
      policy('admin', 'DENY', [{ to: [{ methods: ['PUT'] }] }, { to: [{ paths: ['/admin*'] }] }]),
    ];
    expect(ask(documents, { path: '/public/../admin?x' })).toMatchObject({
      effect: 'deny',
      policy: 'shop/admin',
      rule: 1,
    });
    expect(ask(documents, { path: '/public' })).toMatchObject({ effect: 'allow', policy: 'shop/all', rule: 0 });
  });

  test('a policy is found by the workload it selects', () => {
    const documents = [policy('cart', 'DENY', [{}], { selector: new Map([['app', 'cart']]) })];
    expect(ask(documents, { labels: { app: 'cart', version: 'v1' } }).effect).toBe('deny');
    expect(ask(documents, { labels: { app: 'other' } }).effect).toBe('allow');
    expect(ask(documents, { namespace: 'elsewhere' }).effect).toBe('allow');
    const root = [policy('cart', 'DENY', [{}], { namespace: 'istio-system', selector: new Map([['app', 'cart']]) })];
    expect(ask(root, { namespace: 'elsewhere', labels: { app: 'cart' } }).effect).toBe('deny');
  });

  test('STRICT wants a client certificate', () => {
    const documents = [peerAuthentication('default', 'STRICT')];
    expect(ask(documents, {})).toMatchObject({ effect: 'deny', status: 403, policy: 'none' });
    expect(ask(documents, { principal: web }).effect).toBe('allow');
  });

  test('a path with two readings is refused', () => {
    expect(ask([], { path: '/a//../admin' })).toMatchObject({ effect: 'deny', status: 400, policy: 'none' });
    expect(ask([], { path: '/a//../admin' }, { profile: 'istio' }).effect).toBe('allow');
  });

  test('all dry-run results are told and none counts', () => {
    const documents = [
      policy('next-deny', 'DENY', [{}], { dryRun: true }),
      policy('next-allow', 'ALLOW', [{ to: [{ methods: ['PUT'] }] }], { dryRun: true }),
    ];
    expect(ask(documents, {})).toMatchObject({ effect: 'allow', shadow: { deny: 'shop/next-deny', allow: 'none' } });
  });

  test('an attribute of a wrong type denies and says so', () => {
    const bag = new MapBag([
      ['destination.namespace', 'shop'],
      ['context.protocol', 'http'],
      ['request.path', 7n],
    ]);
    const verdict = decide(compile(policySet([]), 1), bag);
    expect(verdict).toMatchObject({ effect: 'deny', status: 403 });
    expect(verdict.reason).toBe('error while deciding: attribute `request.path` is not a string');
  });

  test('says what it has read and no more', () => {
    const documents = [policy('role', 'DENY', [{ when: [{ key: 'request.headers[x-role]', values: ['admin'] }] }])];
    const verdict = ask(documents, {
      headers: [
        ['x-role', 'user'],
        ['x-request-id', '1'],
      ],
    });
    const read = verdict.referenced.map(({ name, key, condition }) => `${name} ${key ?? '-'} ${condition}`);
    expect(read).toContain('request.headers x-role exact');
    expect(read).toContain('request.headers x_role absence');
    expect(read.filter((line) => line.includes('x-request-id'))).toEqual([]);
  });
});

test('rules that can all be found by one thing are found by that, and nothing else is looked at', () => {
  const tenant = { key: 'request.headers[x-tenant]', values: ['gold'] };
  const documents = [
    policy('a', 'ALLOW', [{ from: [{ namespaces: ['one'] }], to: [{ paths: ['/a'] }], when: [tenant] }]),
    policy('b', 'ALLOW', [{ from: [{ principals: [web] }], to: [{ paths: ['/b'] }] }]),
    policy('c', 'DENY', [{ to: [{ methods: ['PUT'], paths: ['*/c'] }] }]),
  ];
  const read = ask(documents, { path: '/elsewhere', headers: [['x-tenant', 'gold']] }).referenced;
  expect(read.filter(({ name }) => name === 'request.headers')).toEqual([]);
});

describe('profiles by namespace', () => {
  test('a namespace may have another profile than the mesh', () => {
    const documents = [policy('open', 'ALLOW', [{ to: [{ hosts: ['cart'] }] }], { namespace: 'istio-system' })];
    const mesh: Partial<Mesh> = { namespaceProfiles: new Map([['old', 'istio']]) };
    const twice: RequestText = { path: '/a//../b', host: 'cart' };
    expect(ask(documents, { ...twice, namespace: 'shop' }, mesh)).toMatchObject({ status: 400 });
    expect(ask(documents, { ...twice, namespace: 'old' }, mesh)).toMatchObject({ effect: 'allow' });
  });
});

test('a provider that speaks HTTP only is not asked about TCP', () => {
  const text = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ask, namespace: shop }
spec: { action: CUSTOM, provider: { name: p }, rules: [{}] }
---
apiVersion: garrison.dev/v1
kind: Handler
metadata: { name: p, namespace: istio-system }
spec: { check: { protocol: http, address: '127.0.0.1:1' } }
`;
  const loaded = loadPolicies([{ name: 'ask.yaml', text }]);
  if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join('\n'));
  const program = compile(loaded.set, 1);
  expect(decide(program, requestBag({ protocol: 'tcp' })).effect).toBe('allow');
  expect(decide(program, requestBag({}))).toMatchObject({ effect: 'deny', policy: 'shop/ask' });
});
