import { describe, expect, test } from '@jest/globals';
import { compile, decide, describeFault, loadPolicies } from '#policies/index.ts';
import type { Verdict } from '#policies/index.ts';
import type { Document } from '#policies/documents/model.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import { type AttributeValue, MapBag } from '#proto/attributes/index.ts';
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

  describe('a port behind a sidecar has two numbers, and a rule may name either', () => {
    const behind = { port: 9080, listenPort: 16080 };
    const ports = (...written: string[]) => [{ to: [{ ports: written }] }];

    test.each(['9080', '16080'])('%s', (number) => {
      const deny = [policy('closed', 'DENY', ports(number))];
      expect(ask(deny, behind)).toMatchObject({ effect: 'deny', policy: 'shop/closed' });
      expect(ask(deny, { port: 9081, listenPort: 16081 }).effect).toBe('allow');
      const allow = [policy('open', 'ALLOW', ports(number))];
      expect(ask(allow, behind)).toMatchObject({ effect: 'allow', policy: 'shop/open' });
      expect(ask(allow, { port: 9081, listenPort: 16081 }).effect).toBe('deny');
      const others = [policy('others', 'DENY', [{ to: [{ notPorts: [number] }] }])];
      expect(ask(others, behind).effect).toBe('allow');
      expect(ask(others, { port: 9081, listenPort: 16081 }).effect).toBe('deny');
      const condition = [policy('when', 'DENY', [{ when: [{ key: 'destination.port', values: [number] }] }])];
      expect(ask(condition, behind).effect).toBe('deny');
    });

    test('among many rules that exclude ports', () => {
      const many = Array.from({ length: 64 }, (_, i) =>
        policy(`p${i}`, 'DENY', [{ to: [{ notPorts: ['16080', `${i + 1}`] }] }]),
      );
      expect(ask(many, behind).effect).toBe('allow');
      expect(ask(many, { port: 9080 }).effect).toBe('deny');
    });

    test.each([9080, 16080])('STRICT at port %d', (number) => {
      const documents = [
        peerAuthentication('default', 'PERMISSIVE', {
          selector: new Map([['app', 'cart']]),
          portModes: new Map([[number, 'STRICT']]),
        }),
      ];
      const labels = { app: 'cart' };
      expect(ask(documents, { ...behind, labels }).effect).toBe('deny');
      expect(ask(documents, { port: 9081, listenPort: 16081, labels }).effect).toBe('allow');
    });
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

  test('says that no spelling of a header was there', () => {
    const key = 'request.headers[x-user-role]';
    const verdict = ask([policy('role', 'DENY', [{ when: [{ key, values: ['admin'] }] }])], {});
    const absent = verdict.referenced.filter(({ condition }) => condition === 'absence').map(({ key }) => key);
    expect(absent).toEqual(expect.arrayContaining(['x-user-role', 'x_user-role', 'x-user_role', 'x_user_role']));
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

describe('the protocol of a request', () => {
  const documents = [policy('no-admin', 'DENY', [{ to: [{ paths: ['/admin'] }] }]), policy('all', 'ALLOW', [{}])];
  const request = { 'request.path': '/public', 'request.method': 'GET' };
  const effectOf = (profile: 'strict' | 'istio', attributes: Record<string, AttributeValue>): string =>
    decide(
      compile(policySet(documents, { profile }), 1),
      new MapBag(new Map(Object.entries({ 'destination.namespace': 'shop', ...attributes }))),
    ).effect;

  test.each(['http', 'HTTP', 'gRPC', 'Https'])('is read without case: %s', (protocol) => {
    // Of TCP the DENY policy would leave only that it denies.
    expect(effectOf('strict', { ...request, 'context.protocol': protocol })).toBe('allow');
    expect(effectOf('istio', { ...request, 'context.protocol': protocol })).toBe('allow');
  });

  test.each(['tcp', 'TCP', 'mongo', ''])('that contradicts it, %j, does not count in strict', (protocol) => {
    expect(effectOf('strict', { ...request, 'context.protocol': protocol })).toBe('allow');
    expect(effectOf('strict', { 'request.path': '/admin', 'context.protocol': protocol })).toBe('deny');
    expect(effectOf('istio', { ...request, 'context.protocol': protocol })).toBe('deny');
    expect(effectOf('strict', { 'context.protocol': protocol })).toBe('deny');
    const headers = new Map([[':path', '/public']]);
    expect(effectOf('strict', { 'request.headers': headers, 'context.protocol': protocol })).toBe('allow');
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
