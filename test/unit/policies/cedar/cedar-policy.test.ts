import { describe, expect, test } from '@jest/globals';
import { MapBag, compile, decide, describeFault, loadPolicies } from '#policies/index.ts';
import type { AttributeValue, PolicySet, Program } from '#policies/index.ts';
import { cedarFor } from '#policies/cedar/index.ts';
import type { CedarEngine } from '#policies/cedar/index.ts';
import { wasmCedar } from '#policies/cedar/wasm-engine.ts';
import { compileSteps } from '#policies/compile/program.ts';
import { PolicyLoader } from '#policies/documents/index.ts';
import { finish } from '#schema/index.ts';

const cedar = wasmCedar();

function document(policy: string, name = 'x'): string {
  const lines = policy.split('\n').map((line) => `    ${line}`);
  const head = `apiVersion: garrison.dev/v1\nkind: CedarPolicy\nmetadata: { name: ${name}, namespace: shop }\n`;
  return `${head}spec:\n  policy: |\n${lines.join('\n')}\n`;
}

function handler(name: string): string {
  return `apiVersion: garrison.dev/v1\nkind: Handler\nmetadata: { name: ${name}, namespace: shop }\nspec: { check: { protocol: grpc, address: "127.0.0.1:1" } }\n`;
}

function load(text: string): PolicySet {
  const loaded = loadPolicies([{ name: 'a.yaml', text }], {}, { cedar });
  if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join('\n'));
  return loaded.set;
}

function bag(more: readonly (readonly [string, AttributeValue])[] = []): MapBag {
  const always: readonly (readonly [string, AttributeValue])[] = [
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['request.method', 'GET'],
    ['request.path', '/'],
    ['request.host', 'a'],
  ];
  return new MapBag([...always, ...more]);
}

describe('faults of Cedar', () => {
  test.each([
    ['where the parser stands', 'permit (principal, action, resource)\nwhen { 1 == };', 'a.yaml:7:17'],
    [
      'behind letters of several bytes',
      '// äöü 日本 🙂\npermit (principal, action, resource)\nwhen { "é" == };',
      'a.yaml:8:19',
    ],
  ])('stand %s', (_where, policy, place) => {
    const loaded = loadPolicies([{ name: 'a.yaml', text: document(policy) }], {}, { cedar });
    expect(loaded.ok).toBe(false);
    if (!loaded.ok) expect(loaded.faults.map(describeFault)[0]).toContain(`${place}: spec.policy: `);
  });

  test('without an engine a document of this kind is refused', () => {
    const loaded = loadPolicies([{ name: 'a.yaml', text: document('permit (principal, action, resource);') }]);
    expect(loaded).toMatchObject({
      ok: false,
      faults: [{ field: 'spec.policy', reason: 'Cedar is not at hand here' }],
    });
  });
});

test('Cedar is fetched for texts that mention it', async () => {
  expect(await cedarFor([{ text: 'kind: Handler' }, { text: new TextEncoder().encode('CedarPolic') }])).toBeUndefined();
  expect(await cedarFor([{ text: new TextEncoder().encode('é CedarPolicy') }])).toBeDefined();
});

test('Cedar is the same each time, so that texts that did not change are not read again', async () => {
  const loader = new PolicyLoader();
  const loadWith = async (other: string): Promise<PolicySet> => {
    const files = [
      { name: 'a.yaml', text: document('permit (principal, action, resource);') },
      { name: 'b.yaml', text: document(other, 'y') },
    ];
    const loaded = finish(loader.load(files, await cedarFor(files)));
    if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join('\n'));
    return loaded.set;
  };
  const before = await loadWith('forbid (principal, action, resource);');
  const after = await loadWith('permit (principal, action, resource);');
  expect(after.cedar).toBe(before.cedar);
  expect(after.documents[0]).toBe(before.documents[0]);
  expect(after.documents[1]).not.toBe(before.documents[1]);
});

test('policies of one text are numbered as they stand, beyond the tenth too', () => {
  const texts = Array.from(
    { length: 12 },
    (_, index) =>
      `permit (principal, action, resource) when { context has "request.method" && context["request.method"] == "M${index}" };`,
  );
  const program = compile(load(document(texts.join('\n'))), 1);
  for (const index of [0, 2, 10, 11]) {
    const request = new MapBag([...bag().entries(), ['request.method', `M${index}`]]);
    expect(decide(program, request)).toMatchObject({ effect: 'allow', policy: 'shop/x', rule: index });
  }
});

describe('a revision that replaces another', () => {
  const calls = { prepare: 0, effects: 0 };
  const counting: CedarEngine = {
    validate: (text, declared) => cedar.validate(text, declared),
    effects: (text) => ((calls.effects += 1), cedar.effects(text)),
    prepare: (policies, entities) => ((calls.prepare += 1), cedar.prepare(policies, entities)),
  };
  const loader = new PolicyLoader();
  const compileAfter = (policy: string, before?: Program): Program => {
    const files = [
      { name: 'a.yaml', text: document(policy) },
      { name: 'b.yaml', text: handler(before === undefined ? 'first' : 'second') },
    ];
    const loaded = finish(loader.load(files, counting));
    if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join('\n'));
    Object.assign(calls, { prepare: 0, effects: 0 });
    return finish(compileSteps(loaded.set, 1, before?.inUse));
  };

  const conditional = 'permit (principal, action, resource) when { context has "request.id" };';

  test('takes over what was made ready of the same Cedar policies', () => {
    const before = compileAfter(conditional);
    expect(decide(before, bag())).toMatchObject({ effect: 'deny', policy: 'none' });
    expect(calls).toEqual({ prepare: 1, effects: 1 });
    const after = compileAfter(conditional, before);
    expect(decide(after, bag())).toMatchObject({ effect: 'deny', policy: 'none' });
    expect(decide(after, bag([['request.id', '1']]))).toMatchObject({ effect: 'allow', policy: 'shop/x', rule: 0 });
    expect(calls).toEqual({ prepare: 0, effects: 0 });
  });

  test('makes others ready before a request asks', () => {
    const before = compileAfter('permit (principal, action, resource);');
    decide(before, bag());
    const after = compileAfter(conditional, before);
    const ready = { ...calls };
    expect(ready).toEqual({ prepare: 1, effects: 1 });
    expect(decide(after, bag())).toMatchObject({ effect: 'deny', policy: 'none' });
    expect(calls).toEqual(ready);
  });
});

describe('what may be remembered', () => {
  const program = compile(load(document('permit (principal, action, resource) when { context has "request.id" };')), 1);

  test('a verdict that asked Cedar is for its own request, and names what was copied', () => {
    const verdict = decide(program, bag([['request.id', '1']]));
    expect(verdict).toMatchObject({ effect: 'allow', lasting: false, error: undefined });
    const names = verdict.referenced.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['request.id', 'source.ip', 'destination.port', 'request.useragent']));
  });

  test('nor is one that nothing permitted', () => {
    expect(decide(program, bag())).toMatchObject({ effect: 'deny', policy: 'none', lasting: false });
  });

  test('where no Cedar policy is in force, verdicts last', () => {
    const elsewhere = new MapBag([...bag().entries(), ['destination.namespace', 'bank']]);
    expect(decide(program, elsewhere)).toMatchObject({ effect: 'allow', lasting: true });
  });
});

test('a policy that cannot be evaluated denies, says so, and is an error for whoever keeps watch', () => {
  const policy =
    'permit (principal, action, resource);\n' +
    'forbid (principal, action, resource) when { context has "destination.port" && context["destination.port"] + 9223372036854775807 > 0 };';
  const verdict = decide(compile(load(document(policy)), 1), bag([['destination.port', 80n]]));
  expect(verdict).toMatchObject({ effect: 'deny', status: 403, policy: 'shop/x', rule: 1, lasting: false });
  expect(verdict.reason).toContain('cannot be evaluated');
  expect(verdict.error).toBeDefined();
});
