import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { runVerb } from '#test/fakes/run-verb.ts';

const good =
  'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: x, namespace: shop }\nspec: { mtls: { mode: STRICT } }\n';
const suite = `suite: strict
policies: [../policies/good.yaml]
workload: { namespace: shop, name: a }
cases:
  - { name: plaintext is refused, request: { destination: { port: 80 } }, expect: { verdict: deny, mtls: STRICT } }
`;
const files: Record<string, string> = {
  'policies/good.yaml': good,
  'bad/a.yaml': good.replace('STRICT', 'STRCT'),
  'bad/b.yaml': 'apiVersion: v1\nkind: Pod, really\n',
  'warn/a.yaml': good.replace('spec: { ', 'spec: { selector: {}, '),
  'cases/suite.yaml': suite,
  'cases/notes.yaml': 'just: notes\n',
  'differs/suite.yaml': suite.replace('verdict: deny', 'verdict: allow'),
  'broken/suite.yaml': `${suite}case: []\n`,
  'broken/good.yaml': suite,
  'covered/suite.yaml': `suite: c
documents:
  - { apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: { name: a, namespace: shop }, spec: { rules: [{ to: [{ operation: { paths: [/a] } }] }, { to: [{ operation: { paths: [/b] } }] }] } }
workload: { namespace: shop }
cases:
  - { name: one, request: { http: { path: /a } }, expect: { verdict: allow } }
`,
};

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'garrison-policy-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.join(cwd, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(cwd, name), text);
  }
});
afterAll(() => {
  rmSync(cwd, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function garrison(...args: string[]): Promise<Ran> {
  const { code, stdout: out, stderr: err } = await runVerb(args, { cwd });
  return { code, out: out.replaceAll(`${cwd}/`, ''), err: err.replaceAll(`${cwd}/`, '') };
}

const lines = (text: string): unknown[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

describe('policy validate', () => {
  test('says valid, and exits 0', async () => {
    expect(await garrison('policy', 'validate', 'policies')).toEqual({
      code: 0,
      out: 'valid\n',
      err: '1 document in 1 file\n',
    });
  });

  test('tells every fault with its place, and exits 1', async () => {
    const { code, out } = await garrison('policy', 'validate', 'bad');
    expect(code).toBe(1);
    expect(out).toBe(
      [
        'bad/a.yaml:4:23: spec.mtls.mode: must be one of `UNSET`, `DISABLE`, `PERMISSIVE`, `STRICT`, not `STRCT`; did you mean `STRICT`?',
        'bad/b.yaml:2:7: kind: `Pod, really` is not a known kind; known here: `AuthorizationPolicy`, `PeerAuthentication`, `RequestAuthentication`, `ServiceEntry`, `WorkloadEntry`, `Registration`, `Handler`, `CedarPolicy`',
        '',
      ].join('\n'),
    );
  });

  test('warns, and exits 0', async () => {
    const { code, out } = await garrison('policy', 'validate', 'warn', '--output', 'json');
    expect(code).toBe(0);
    expect(lines(out)).toMatchObject([
      { valid: true, documents: 1, errors: 0, warnings: 1, faults: [{ severity: 'warning', line: 4 }] },
    ]);
  });

  test('annotates for GitHub', async () => {
    const { out } = await garrison('policy', 'validate', 'bad', '--output', 'github');
    expect(out.split('\n')[0]).toBe(
      '::error file=bad/a.yaml,line=4,col=23::spec.mtls.mode: must be one of `UNSET`, `DISABLE`, `PERMISSIVE`, `STRICT`, not `STRCT`; did you mean `STRICT`?',
    );
  });

  test('exits 2 where there is nothing to read', async () => {
    const { code, err } = await garrison('policy', 'validate', 'nowhere');
    expect({ code, err }).toEqual({
      code: 2,
      err: 'garrison: nowhere: no such file or folder; create it or correct the path\n',
    });
    expect((await garrison('policy', 'validate')).code).toBe(2);
    expect((await garrison('policy', 'validate', 'bad', '--output', 'xml')).code).toBe(2);
  });
});

describe('policy test', () => {
  test('runs the suites of a folder, passes over what is none, and exits 0', async () => {
    const { code, out, err } = await garrison('policy', 'test', 'cases');
    expect({ code, out }).toEqual({ code: 0, out: 'strict  (cases/suite.yaml)\n  ✓ plaintext is refused\n' });
    expect(err).toBe('1 of 1 cases as expected in 1 suites\n');
  });

  test('shows what differs and where, and exits 1', async () => {
    const { code, out } = await garrison('policy', 'test', 'differs');
    expect(code).toBe(1);
    expect(out).toContain(
      '✗ plaintext is refused  (differs/suite.yaml:5:5)\n      verdict: expected allow, got deny\n',
    );
  });

  test('writes one JSON object for each case', async () => {
    const { code, out } = await garrison('policy', 'test', 'differs', 'cases', '--output', 'json');
    expect(code).toBe(1);
    expect(lines(out)).toMatchObject([
      {
        file: 'cases/suite.yaml',
        suite: 'strict',
        case: 'plaintext is refused',
        ok: true,
        expected: { verdict: 'deny' },
      },
      {
        file: 'differs/suite.yaml',
        ok: false,
        expected: { verdict: 'allow' },
        actual: { verdict: 'deny', status: 403 },
      },
    ]);
  });

  test('runs what can be run beside a file that cannot, and exits 2', async () => {
    const { code, out, err } = await garrison('policy', 'test', 'broken');
    expect(code).toBe(2);
    expect(out).toContain('✓ plaintext is refused');
    expect(err).toContain('broken/suite.yaml:6:1: case: unknown key `case`; did you mean `cases`?');
    expect((await garrison('policy', 'test', 'policies')).code).toBe(2);
    expect((await garrison('policy', 'test', 'cases', '--profile', 'lax')).code).toBe(2);
  });

  test('reports for build servers', async () => {
    const { out } = await garrison('policy', 'test', 'differs', 'broken', '--output', 'junit');
    expect(out).toContain('<testsuites tests="3" failures="1" errors="1">');
    expect(out).toContain('<failure message="differs in verdict">');
    expect(out).not.toMatch(/&(?!amp;|lt;|gt;|quot;|#10;)/);
  });

  test('tells which rules no case is decided by', async () => {
    const { out } = await garrison('policy', 'test', 'covered', '--coverage');
    expect(out).toContain(
      'coverage: 1 of 2 rules, 50 %\n  no case is decided by rule 1 of shop/a (covered/suite.yaml:3:',
    );
  });

  test('takes another profile for all', async () => {
    expect((await garrison('policy', 'test', 'cases', '--profile', 'istio')).code).toBe(0);
  });
});

describe('policy fmt', () => {
  test('checks, writes once, and then has nothing to do', async () => {
    const file = path.join(cwd, 'fmt/a.yaml');
    mkdirSync(path.dirname(file));
    writeFileSync(file, 'kind: PeerAuthentication\napiVersion: security.istio.io/v1\nmetadata: {name: x}\n');
    expect(await garrison('policy', 'fmt', 'fmt', '--check')).toMatchObject({ code: 1, out: 'fmt/a.yaml\n' });
    expect(await garrison('policy', 'fmt', 'fmt')).toMatchObject({ code: 0, out: 'fmt/a.yaml\n' });
    expect(readFileSync(file, 'utf8')).toBe(
      'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: x }\n',
    );
    expect(await garrison('policy', 'fmt', 'fmt', '--check')).toMatchObject({
      code: 0,
      out: '',
      err: 'nothing to change\n',
    });
  });
});
