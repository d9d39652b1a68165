import { describe, expect, test } from '@jest/globals';
import { describeFault, loadPolicies } from '#policies/documents/index.ts';
import type { Mesh, PolicySet } from '#policies/documents/index.ts';

function faultsOf(...texts: string[]): string[] {
  const loaded = loadPolicies(texts.map((text, index) => ({ name: `${'abc'[index] ?? 'x'}.yaml`, text })));
  if (loaded.ok) throw new Error('was taken');
  return loaded.faults.map(describeFault);
}

function setOf(text: string, mesh: Partial<Mesh> = {}): PolicySet {
  const loaded = loadPolicies([{ name: 'a.yaml', text }], mesh);
  if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join('\n'));
  return loaded.set;
}

const policy = (name: string, spec = '{}'): string =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: ${name}, namespace: shop }\nspec: ${spec}\n`;

describe('documents are taken all together or not at all', () => {
  test('one fault refuses all texts', () => {
    expect(faultsOf(policy('good'), policy('bad', '{ action: DENY }'))).toEqual([
      'b.yaml:4:7: spec.rules: DENY without rules can never match; add `rules`; `rules: [{}]` matches everything',
    ]);
  });

  test('a text that is not YAML refuses all texts', () => {
    expect(faultsOf(policy('good'), 'a: [')).toEqual([
      'b.yaml:1:5: flow sequence in block collection must be sufficiently indented and end with a ]; close the quote or bracket',
    ]);
  });

  test.each([
    [
      'a key deeper than the one above',
      'kind: X\n  spec: {}\n',
      'a.yaml:2:3: indented deeper than the line above; line up what belongs together',
    ],
    [
      'a key deeper, after a comment',
      'spec:\n  a: b\n  # c\n\n   d: e\n',
      'a.yaml:5:1: all mapping items must start at the same column; line the keys of one mapping up',
    ],
    [
      'a key deeper than its item',
      '- a\n b: c\n',
      'a.yaml:2:2: indented deeper than the line above; line up what belongs together',
    ],
    [
      'an item without its dash',
      'a:\n  - b: 1\n    c: 2\n   d: 3\n',
      'a.yaml:4:1: sequence item without - indicator; line the items of one list up, and what belongs to an item under its first key',
    ],
    [
      'a value with a colon',
      'a: b: c\n',
      'a.yaml:1:4: nested mappings are not allowed in compact mappings; quote a value that contains `: `',
    ],
  ])('what is wrong with the layout is told where it is: %s', (_name, text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });

  test.each([
    ['request.auth.claims', 'does not name a claim; write it as `request.auth.claims[role]`'],
    ['request.headers', 'does not name a header; write it as `request.headers[x-role]`'],
    ['experimental.envoy.filters.a', 'does not name an entry; write it as `experimental.envoy.filters.NAME[KEY]`'],
  ])('a condition on all of %s', (key, says) => {
    expect(faultsOf(policy('x', `{ rules: [{ when: [{ key: ${key}, values: [a] }] }] }`))).toEqual([
      `a.yaml:4:28: spec.rules[0].when[0].key: \`${key}\` ${says}`,
    ]);
  });

  test('a DENY on trial denies no TCP connection, and is not warned of', () => {
    const deny = policy('x', '{ action: DENY, rules: [{ to: [{ operation: { paths: [/a] } }] }] }');
    const trial = deny.replace('namespace: shop', 'namespace: shop, annotations: { istio.io/dry-run: "true" }');
    const warnings = [deny, trial].map((text) => {
      const loaded = loadPolicies([{ name: 'a.yaml', text }]);
      return loaded.ok ? loaded.warnings.length : undefined;
    });
    expect(warnings).toEqual([1, 0]);
  });

  test('every fault of every document is told in one pass, in the order of the texts', () => {
    const bad = policy(
      'x',
      '{ action: DENNY, rulez: [], rules: [{ from: [] }, { to: [{ operation: { ports: [a] } }] }] }',
    );
    expect(faultsOf(bad, policy('Y'))).toEqual([
      'a.yaml:4:17: spec.action: must be one of `ALLOW`, `DENY`, `AUDIT`, `CUSTOM`, not `DENNY`; did you mean `DENY`?',
      'a.yaml:4:24: spec.rulez: unknown key `rulez`; did you mean `rules`?',
      'a.yaml:4:51: spec.rules[0].from: must not be empty',
      'a.yaml:4:87: spec.rules[1].to[0].operation.ports[0]: `a` is not a port; write a number from 0 to 65535',
      'b.yaml:3:19: metadata.name: `Y` is not a name; use lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit',
    ]);
  });

  test('the same document twice names both places', () => {
    expect(faultsOf(policy('x'), `---\n${policy('y')}---\n${policy('x')}`)).toEqual([
      'b.yaml:7:1: metadata.name: AuthorizationPolicy `shop/x` is already given at a.yaml:3:11; rename or remove one of them',
    ]);
  });

  test('the same name in another kind or namespace is another document', () => {
    const other = policy('x').replace('shop', 'bank');
    const peer = 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: x, namespace: shop }\n';
    expect(setOf(`${policy('x')}---\n${other}---\n${peer}`).documents).toHaveLength(3);
  });

  test('a suite of cases among documents is pointed out', () => {
    expect(faultsOf('suite: x\ncases: []\n')).toEqual([
      'a.yaml:1:1: is a suite of cases, not a document; run it with `garrison policy test`',
    ]);
  });

  test('no text at all is a set without documents', () => {
    const loaded = loadPolicies([]);
    expect(loaded.ok && loaded.set.documents).toEqual([]);
  });
});

describe('what is wrong a thousand times is told a thousand times', () => {
  test('errors', () => {
    const faults = faultsOf(policy('x', `{ rules: [{ from: [{ source: { ipBlocks: [${'x, '.repeat(5000)}x] } }] }] }`));
    expect(faults).toHaveLength(1001);
    expect(faults.at(-1)).toContain('4001 more faults are not shown');
  });

  test('warnings refuse nothing, however many', () => {
    const many = Array.from({ length: 1200 }, (_, index) => policy(`p${index}`, '{ selector: {} }')).join('---\n');
    const loaded = loadPolicies([{ name: 'a.yaml', text: many }]);
    expect(loaded.ok && loaded.warnings.length).toBe(1001);
    expect(faultsOf(`${many}---\n${policy('x', '{ action: DENY }')}`).at(-1)).toContain('201 more faults');
  });
});

describe('what is read', () => {
  test('an AuthorizationPolicy', () => {
    const [read] = setOf(
      policy(
        'x',
        '{ selector: { matchLabels: { app: a } }, action: AUDIT, rules: [{ to: [{ operation: { ports: ["0080"] } }] }] }',
      ),
    ).authorization;
    expect(read).toMatchObject({ action: 'AUDIT', dryRun: false, provider: undefined, targetRefs: [] });
    expect(read?.selector).toEqual(new Map([['app', 'a']]));
    expect(read?.rules[0]?.to[0]?.ports).toEqual(['80']);
    expect(read?.rules[0]?.from).toEqual([]);
    expect(read?.rules[0]?.place).toEqual({ file: 'a.yaml', line: 4, column: 71 });
  });

  test('documents of a List, JSON as well as YAML', () => {
    const item = { apiVersion: 'security.istio.io/v1beta1', kind: 'PeerAuthentication', metadata: { name: 'x' } };
    const [read] = setOf(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item] })).peerAuthentication;
    expect(read).toMatchObject({ mode: 'UNSET', metadata: { name: 'x', namespace: 'default' } });
  });

  test('a Registration in the trust domain of the mesh', () => {
    const text =
      'apiVersion: garrison.dev/v1\nkind: Registration\nmetadata: { name: x, namespace: shop }\nspec: { serviceAccount: cart, selectors: [token:a], x509Ttl: 1h }\n';
    const [read] = setOf(text, { trustDomain: 'corp.example' }).registrations;
    expect(read).toMatchObject({ spiffeId: 'spiffe://corp.example/ns/shop/sa/cart', x509TtlSeconds: 3600 });
  });

  test('a Registration of an authority whose certificate would be over at the first pause: warned of', () => {
    const warningsOf = (text: string) => {
      const loaded = loadPolicies([{ name: 'a.yaml', text }]);
      return loaded.ok ? loaded.warnings : loaded.faults;
    };
    const text = (life: string): string =>
      `apiVersion: garrison.dev/v1\nkind: Registration\nmetadata: { name: x, namespace: shop }\nspec: { serviceAccount: ca, selectors: [token:a], downstream: true, x509Ttl: ${life} }\n`;
    expect(warningsOf(text('1h'))).toEqual([]);
    expect(warningsOf(text('2m'))[0]).toMatchObject({
      field: 'spec.x509Ttl',
      fix: expect.stringContaining('write `1h` at least') as unknown,
    });
  });

  test('a Handler with its defaults', () => {
    const text =
      'apiVersion: garrison.dev/v1\nkind: Handler\nmetadata: { name: x }\nspec: { check: { protocol: grpc, address: "127.0.0.1:1" } }\n';
    expect(setOf(text).handlers[0]?.check).toMatchObject({ timeoutMs: 1000, failureMode: 'deny', statusOnError: 403 });
  });

  test('a key that JavaScript would mistake', () => {
    const faults = faultsOf(policy('x').replace('shop', 'shop, __proto__: { a: b }, constructor: c'));
    expect(faults).toHaveLength(2);
    expect(faults[0]).toContain('unknown key `__proto__`');
  });
});
