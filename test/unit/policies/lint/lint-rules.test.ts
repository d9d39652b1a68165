import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { describeFault, loadPolicies } from '#policies/index.ts';
import type { Mesh } from '#policies/index.ts';
import { allLintRules, lint, sarifOf } from '#policies/lint/index.ts';
import type { Finding } from '#policies/lint/index.ts';

interface Case {
  readonly rule: string;
  readonly title?: string;
  readonly mesh?: Partial<Mesh>;
  readonly severity?: string;
  readonly field?: string;
  readonly bad: readonly object[];
  readonly good: readonly object[];
}

const cases = parse(
  readFileSync(new URL('../../../../policies/lint/cases/rules.yaml', import.meta.url), 'utf8'),
) as readonly Case[];

function findingsIn(documents: readonly object[], mesh: Partial<Mesh> = {}): Finding[] {
  const text = documents.map((document) => stringify(document)).join('---\n');
  const loaded = loadPolicies([{ name: 'a.yaml', text }], mesh);
  if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join('\n'));
  return lint(loaded.set, loaded.warnings);
}

describe('the rules of the linter', () => {
  test.each(cases.map((one) => [`${one.rule} ${one.title ?? ''}`, one] as const))('%s', (_name, one) => {
    const bad = findingsIn(one.bad, one.mesh).filter(({ id }) => id === one.rule);
    expect(bad).not.toEqual([]);
    expect(bad[0]).toMatchObject({
      severity: one.severity ?? 'warning',
      ...(one.field === undefined ? {} : { field: one.field }),
    });
    expect(findingsIn(one.good, one.mesh).filter(({ id }) => id === one.rule)).toEqual([]);
  });

  test('each has a bad and a good example, an id of its own and a sentence', () => {
    const shown = new Set(cases.map(({ rule }) => rule));
    const rules = allLintRules().filter(({ id }) => id !== 'GL099');
    expect(rules.map(({ id }) => id).filter((id) => !shown.has(id))).toEqual([]);
    expect(new Set(rules.map(({ id }) => id)).size).toBe(rules.length);
    expect(rules.filter(({ id, summary }) => !/^GL\d{3}$/.test(id) || !/^[A-Z`‘].*\.$/.test(summary))).toEqual([]);
  });

  test.each([
    ['GL009', { to: [{ operation: { methods: ['get'], ports: ['80'] } }] }],
    ['GL013', { from: [{ source: { principals: ['spiffe://cluster.local/ns/a/sa/b'] } }] }],
    ['GL023', { to: [{ operation: { paths: ['admin'], ports: ['80'] } }] }],
    ['GL023', { to: [{ operation: { paths: ['admin', '/a'], ports: ['80'] } }] }],
    ['GL023', { to: [{ operation: { notMethods: ['*'], ports: ['80'] } }] }],
    ['GL031', { to: [{ operation: { paths: ['/debug/[a-z]+'], ports: ['80'] } }] }],
  ])('%s says of a DENY that is dead what comes of it: %j', (rule, text) => {
    const document = {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'p', namespace: 'shop' },
      spec: { action: 'DENY', rules: [text] },
    };
    const found = findingsIn([document]).filter(({ id }) => id === rule);
    expect(found).not.toEqual([]);
    for (const { reason, severity } of found) {
      expect(reason).toContain('requests that it should deny pass');
      expect(severity).not.toBe('note');
    }
  });

  test('tells a thing once', () => {
    const findings = findingsIn(cases.find(({ rule }) => rule === 'GL003')?.bad ?? []);
    expect(findings.map(({ id }) => id)).toEqual(['GL003']);
  });

  test.each<[string, string, Mesh['profile'], Record<string, Mesh['profile']>, boolean]>([
    ['of a mesh of that profile', 'shop', 'istio', {}, true],
    ['of a namespace of that profile', 'shop', 'strict', { shop: 'istio' }, true],
    ['of a namespace that has the other profile', 'shop', 'istio', { shop: 'strict' }, false],
    ['of a namespace of that profile, whatever others have', 'shop', 'istio', { bank: 'strict' }, true],
    [
      'of the root namespace, where one namespace has the other profile',
      'istio-system',
      'istio',
      { bank: 'strict' },
      false,
    ],
  ])('what is proven in profile istio alone is told %s: %s', (_which, namespace, profile, own, told) => {
    // In the strict profile a DENY takes a host without the port that `hosts` names, and `notHosts` does not take it away.
    const hosts = ['a.test:443'];
    const document = {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'p', namespace },
      spec: { action: 'DENY', rules: [{ to: [{ operation: { hosts, notHosts: hosts, ports: ['80'] } }] }] },
    };
    const findings = findingsIn([document], { profile, namespaceProfiles: new Map(Object.entries(own)) });
    expect(findings.some(({ id }) => id === 'GL023')).toBe(told);
  });

  test.each<[string, string, Mesh['profile'], Record<string, Mesh['profile']>, boolean]>([
    ['of an istio namespace in a strict mesh', 'shop', 'strict', { shop: 'istio' }, true],
    ['of a strict namespace in an istio mesh', 'shop', 'istio', { shop: 'strict' }, false],
    ['of the root namespace, where one namespace is istio', 'istio-system', 'strict', { shop: 'istio' }, true],
    ['of another namespace, where one is istio', 'bank', 'strict', { shop: 'istio' }, false],
  ])('what holds in profile istio is warned of where that may be read, %s', (_which, namespace, profile, own, told) => {
    const document = {
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'p', namespace },
      spec: { action: 'DENY', rules: [{ to: [{ operation: { paths: ['/admin/{**}', '/admin'], ports: ['80'] } }] }] },
    };
    const findings = findingsIn([document], { profile, namespaceProfiles: new Map(Object.entries(own)) });
    expect(findings.some(({ id }) => id === 'GL015')).toBe(told);
  });

  test('is quick with many rules', () => {
    const rules = Array.from({ length: 500 }, (_, i) => ({
      to: [{ operation: { paths: [`/p${i}`], methods: ['GET'] } }],
    }));
    const documents = Array.from({ length: 20 }, (_, i) => ({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: `p${i}`, namespace: `n${i}` },
      spec: { rules },
    }));
    expect(findingsIn(documents)).toEqual([]);
  }, 20_000);
});

describe('SARIF', () => {
  const log = sarifOf(findingsIn(cases.flatMap(({ rule, bad }) => (rule === 'GL013' ? bad : [])))) as {
    version: string;
    $schema: string;
    runs: {
      tool: { driver: { name: string; rules: { id: string; name: string; shortDescription: { text: string } }[] } };
      results: {
        ruleId: string;
        ruleIndex: number;
        level: string;
        message: { text: string };
        locations: { physicalLocation: { artifactLocation: { uri: string }; region: Record<string, number> } }[];
      }[];
    }[];
  };

  test('has what 2.1.0 asks for', () => {
    expect(log.version).toBe('2.1.0');
    expect(log.$schema).toContain('sarif-schema-2.1.0.json');
    const [run] = log.runs;
    expect(run?.tool.driver.name).toBe('garrison policy lint');
    expect(run?.results.length).toBeGreaterThan(0);
    for (const { ruleId, ruleIndex, level, message, locations } of run?.results ?? []) {
      expect(run?.tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
      expect(['error', 'warning', 'note', 'none']).toContain(level);
      expect(message.text).not.toBe('');
      const region = locations[0]?.physicalLocation.region;
      expect(region?.['startLine']).toBeGreaterThan(0);
      expect(region?.['startColumn']).toBeGreaterThan(0);
      expect(locations[0]?.physicalLocation.artifactLocation.uri).toBe('a.yaml');
    }
  });
});
