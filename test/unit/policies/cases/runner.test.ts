import { describe, expect, test } from '@jest/globals';
import { loadSuite } from '#policies/cases/index.ts';
import { describeFault } from '#schema/index.ts';
import { openSuite, runAll } from '#test/fakes/run-suites.ts';

const admin =
  '{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: admin, namespace: shop }, spec: { action: DENY, rules: [{ to: [{ operation: { paths: ["/admin*"] } }] }] } }';
const workload = '{ namespace: shop, name: cart, serviceAccount: cart, labels: { app: cart } }';

function suiteOf(rest: string, documents = `[${admin}]`): string {
  return `suite: s\nworkload: ${workload}\ndocuments: ${documents}\n${rest}`;
}

async function outcome(request: string, expectation: string, more = '', documents?: string): Promise<unknown> {
  const text = suiteOf(`cases:\n  - { name: c, request: ${request}, expect: ${expectation} ${more} }\n`, documents);
  const [result] = await runAll(openSuite('s.yaml', text));
  return result?.ok === true ? 'ok' : result?.differences;
}

function refusal(text: string): string[] {
  const loaded = loadSuite({ name: 's.yaml', text }, { readFile: () => undefined });
  return 'program' in loaded ? [] : loaded.map(describeFault);
}

const path = (text: string): string => `{ http: { method: GET, host: cart, path: ${text} } }`;

describe('an expectation holds or is told to differ', () => {
  test.each([
    [path('/admin'), '{ verdict: deny, status: 403, grpcStatus: 7, policy: shop/admin, rule: 0 }', 'ok'],
    [path('/public/../admin?x=1'), '{ verdict: deny }', 'ok'],
    [path('/x'), '{ verdict: allow, status: 200, policy: none, selected: [shop/admin], audit: [] }', 'ok'],
    [path('/x'), '{ verdict: deny }', [{ what: 'verdict', expected: 'deny', actual: 'allow' }]],
    [path('/admin'), '{ verdict: deny, rule: 1 }', [{ what: 'rule', expected: 1, actual: 0 }]],
    [path('/admin'), '{ status: 401 }', [{ what: 'status', expected: 401, actual: 403 }]],
    [path('/admin'), '{ selected: [] }', [{ what: 'selected', expected: [], actual: ['shop/admin'] }]],
    [path('/x'), '{ upstream: { path: /x, headers: { x-a: null } } }', 'ok'],
    [path('/admin'), '{ mtls: PERMISSIVE }', 'ok'],
  ])('%s %s', async (request, expectation, expected) => {
    expect(await outcome(request, expectation)).toEqual(expected);
  });
});

const byHeader = (action: string): string =>
  `[{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: h, namespace: shop }, spec: { action: ${action}, rules: [{ when: [{ key: 'request.headers[x-role]', values: ["\\xff", admin] }] }] } }]`;

describe('what a request is made of', () => {
  test('`\\xff` is the octet FF however it is quoted', async () => {
    for (const value of ['"\\xff"', "'\\xff'", '\\xff']) {
      const request = `{ http: { method: GET, host: a, path: /, headers: [[x-role, ${value}]] } }`;
      expect(await outcome(request, '{ verdict: deny }', '', byHeader('DENY'))).toBe('ok');
    }
  });

  test('a header that comes twice keeps both values', async () => {
    const request = '{ http: { method: GET, host: a, path: /, headers: [[X-Role, user], [x-role, admin]] } }';
    expect(await outcome(request, '{ verdict: deny }', '', byHeader('DENY'))).toBe('ok');
    expect(await outcome(request, '{ verdict: deny }', '', byHeader('ALLOW'))).toBe('ok');
  });

  test('a provider answers, and one that is not named does not', async () => {
    const custom =
      '[{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: c, namespace: shop }, spec: { action: CUSTOM, provider: { name: p }, rules: [{}] } }]';
    expect(await outcome(path('/'), '{ verdict: allow }', ', providers: { p: allow }', custom)).toBe('ok');
    expect(await outcome(path('/'), '{ verdict: deny, policy: shop/c }', ', providers: { p: deny }', custom)).toBe(
      'ok',
    );
    expect(await outcome(path('/'), '{ verdict: deny, policy: shop/c }', '', custom)).toBe('ok');
  });

  test('a case overrides parts of the workload', async () => {
    expect(await outcome(path('/admin'), '{ verdict: allow }', ', workload: { namespace: bank }')).toBe('ok');
    expect(await outcome(path('/admin'), '{ verdict: deny }', ', workload: { name: other }')).toBe('ok');
  });

  test('an address with a zone matches no block and breaks nothing', async () => {
    const blocks =
      '[{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: b, namespace: shop }, spec: { action: ALLOW, rules: [{ from: [{ source: { ipBlocks: ["::/0", 0.0.0.0/0] } }] }] } }]';
    expect(await outcome("{ source: { ip: 'fe80::1%eth0' } }", '{ verdict: deny }', '', blocks)).toBe('ok');
    expect(await outcome("{ source: { ip: 'fe80::1' } }", '{ verdict: allow }', '', blocks)).toBe('ok');
  });
});

describe('documents and paths', () => {
  test('a document that is refused, and one that should have been', async () => {
    const document =
      '{ apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: x }, spec: { action: DENY } }';
    const text = `invalid:\n  - { name: a, document: ${document}, expect: { valid: false, field: spec.rules } }\n  - { name: b, document: ${document}, expect: { valid: false, field: spec.action } }\n  - { name: c, document: ${document}, expect: { valid: true } }\n`;
    const results = await runAll(openSuite('s.yaml', suiteOf(text)));
    expect(results.map((result) => result.differences.map((each) => each.what))).toEqual([[], ['field'], ['valid']]);
  });

  test('a level makes of a path what it should, or refuses it', async () => {
    const text =
      "normalization:\n  - { level: MERGE_SLASHES, path: //a/./b, expect: /a/b }\n  - { level: NONE, path: //a, expect: //a }\n  - { level: BASE, path: '/a?b=/../c', expect: /a }\n  - { level: BASE, path: '/a\\x00', expect: 400 }\n  - { level: BASE, path: /a, expect: /b }\n";
    const results = await runAll(openSuite('s.yaml', suiteOf(text)));
    expect(results.map((result) => result.ok)).toEqual([true, true, true, true, false]);
  });
});

describe('a suite that cannot be run says why', () => {
  test.each([
    ['cases: []', ['s.yaml:1:1: suite: is missing; add `suite`']],
    ['suite: s\ncase: []', ['s.yaml:2:1: case: unknown key `case`; did you mean `cases`?']],
    [
      'suite: s\nquotas: [{ name: x }]',
      ['s.yaml:2:9: quotas: traces of quotas are not run by this version; keep them in a suite of their own'],
    ],
    [
      'suite: s\npolicies: [./x.yaml]',
      ['s.yaml:2:12: policies[0]: `./x.yaml` cannot be read; write the path of a file or folder, relative to this one'],
    ],
    ['suite: s\n---\nsuite: t', ['s.yaml:3:1: a file is one suite; put the rest into another file']],
    ['', ['s.yaml:1:1: holds no suite; begin it with `suite: NAME`']],
    [
      'suite: s\ncases: [{ name: c, request: { source: { ip: x } }, expect: { verdict: deny } }]',
      ['s.yaml:2:41: cases[0].request.source.ip: `x` is no IP address; write it as `10.0.0.7` or `2001:db8::1`'],
    ],
    [
      'suite: s\ncases: [{ name: c, request: { htp: {} }, expect: { verdict: no } }]',
      [
        's.yaml:2:31: cases[0].request.htp: unknown key `htp`; did you mean `http`?',
        's.yaml:2:61: cases[0].expect.verdict: must be one of `allow`, `deny`, not `no`',
      ],
    ],
    [
      'suite: s\ndocuments: [{ apiVersion: v1, kind: Pod }]',
      [
        's.yaml:2:37: documents[0].kind: `Pod` is not a known kind; known here: `AuthorizationPolicy`, `PeerAuthentication`, `RequestAuthentication`, `ServiceEntry`, `WorkloadEntry`, `Registration`, `Handler`, `CedarPolicy`',
      ],
    ],
  ])('%j', (text, expected) => {
    expect(refusal(text)).toEqual(expected);
  });

  test('traces of quotas that are empty are no hindrance', () => {
    expect(refusal('suite: s\nquotas: []')).toEqual([]);
  });
});
