import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Command, anyPorts, folderWith, run } from '#test/fakes/command.ts';

const admin = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: admin, namespace: shop }
spec: { action: DENY, rules: [{ to: [{ operation: { paths: ['/admin*'], ports: ['8080'] } }] }] }
`;
const risk = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: risk, namespace: shop }
spec: { action: CUSTOM, provider: { name: risk }, rules: [{ to: [{ operation: { paths: ['/pay'] } }] }] }
---
apiVersion: garrison.dev/v1
kind: Handler
metadata: { name: risk, namespace: shop }
spec: { check: { protocol: http, address: '127.0.0.1:1' } }
`;
const suite = `suite: admin
policies: [./policies/admin.yaml]
workload: { namespace: shop, name: cart }
cases:
  - name: the admin area
    request: { destination: { port: 8080 }, http: { path: /x/../admin } }
    expect: { verdict: deny }
  - { name: the rest, request: { destination: { port: 8080 }, http: { path: /x } }, expect: { verdict: allow } }
`;
const request = `context.protocol: http
destination.namespace: shop
destination.workload.name: cart
destination.port: 8080
request.method: GET
request.path: /admin/users
request.headers: { x-role: user }
`;

function folder(): string {
  const made = folderWith({ 'cases.yaml': suite, 'request.yaml': request, 'garrison.yaml': anyPorts });
  mkdirSync(path.join(made, 'policies'));
  writeFileSync(path.join(made, 'policies/admin.yaml'), admin);
  return made;
}

describe('policy explain', () => {
  test('a case, and a map of attributes', async () => {
    const cwd = folder();
    const denied = await run(['policy', 'explain', '--case', 'cases.yaml#the admin area'], cwd);
    expect(denied).toMatchObject({ code: 1 });
    expect(denied.stdout).toContain('DENIED (403) by rule 0 of shop/admin, revision 1\n  at policies/admin.yaml:4:');
    expect(denied.stdout).toContain('to[0].operation.paths: path is `/admin`, which `/admin*` matches');
    expect((await run(['policy', 'explain', '--case', 'cases.yaml#the rest'], cwd)).code).toBe(0);
    const json = await run(
      ['policy', 'explain', '--attributes', 'request.yaml', '--policies', 'policies', '--output', 'json'],
      cwd,
    );
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      verdict: { effect: 'deny', policy: 'shop/admin', rule: 0 },
      policies: [{ decides: true }],
    });
    for (const args of [['--case', 'cases.yaml#none'], ['--attributes', 'cases.yaml'], []]) {
      expect((await run(['policy', 'explain', ...args], cwd)).code).toBe(2);
    }
  });

  test('a request at a running server, and a decision from its audit', async () => {
    const cwd = folder();
    writeFileSync(path.join(cwd, 'policies/risk.yaml'), risk);
    await using up = new Command(['up', '--output', 'json'], { cwd });
    const { addresses } = JSON.parse(await up.line()) as { addresses: Record<string, string> };
    const atServer = await run(
      ['policy', 'explain', '--attributes', 'request.yaml', '--server', addresses['authzLocal'] ?? ''],
      cwd,
    );
    expect(atServer).toMatchObject({ code: 1, stderr: '' });
    expect(atServer.stdout).toContain('DENIED (403) by rule 0 of shop/admin, revision 1');

    const facts = [
      'context.reporter.kind=inbound',
      'context.protocol=http',
      'destination.namespace=shop',
      'destination.workload.name=cart',
      'destination.port=8080',
      'request.method=GET',
      'request.path=/admin',
      'request.headers[authorization]=Bearer x',
      'garrison.decision.id=d-1',
      'garrison.decision.effect=deny',
      'garrison.decision.policy=shop/admin',
      'garrison.decision.rule=0',
      'garrison.decision.revision=1',
    ].flatMap((fact) => ['--attribute', fact]);
    const reported = await run(['report', '--server', addresses['telemetryLocal'] ?? '', ...facts], cwd);
    expect(reported).toMatchObject({ code: 0 });
    const past = await run(['policy', 'explain', '--decision', 'd-1'], cwd);
    expect(past).toMatchObject({ code: 1 });
    expect(past.stdout).toContain('DENIED (403) by rule 0 of shop/admin, revision 1');
    expect(past.stderr).toContain('decision d-1 was `deny` by shop/admin rule 0 at revision 1');
    expect(past.stderr).toContain('`authorization` of request.headers was a credential');
    expect((await run(['policy', 'explain', '--decision', 'd-2'], cwd)).code).toBe(2);

    const refused = [
      ...facts.filter((fact) => fact !== '--attribute' && !/^(request.path|garrison.decision)/.test(fact)),
      'request.path=/pay',
      'response.code=403',
      'response.duration=40.816788ms',
      'garrison.decision.id=d-3',
      'garrison.decision.effect=deny',
      'garrison.decision.policy=shop/risk',
      'garrison.decision.rule=0',
      'garrison.decision.revision=1',
      'garrison.decision.reason=denied by rule 0 of shop/risk: provider `risk` refused',
    ].flatMap((fact) => ['--attribute', fact]);
    expect(await run(['report', '--server', addresses['telemetryLocal'] ?? '', ...refused], cwd)).toMatchObject({
      code: 0,
    });
    const custom = await run(['policy', 'explain', '--decision', 'd-3'], cwd);
    expect(custom).toMatchObject({ code: 1 });
    expect(custom.stdout).toContain('DENIED (403) by rule 0 of shop/risk: provider `risk` refused, revision 1');
    expect(custom.stderr).not.toContain('response.duration');
    const otherwise = await run(['policy', 'explain', '--decision', 'd-3', '--provider', 'risk=allow'], cwd);
    expect(otherwise).toMatchObject({ code: 0 });
    await up.end();
  });
});

describe('policy lint', () => {
  test('finds, is allowed to pass over, and speaks to machines', async () => {
    const cwd = folder();
    writeFileSync(
      path.join(cwd, 'policies/all.yaml'),
      admin.replace('name: admin', 'name: all').replace(/rules: .*\]/, 'rules: [{}]'),
    );
    const found = await run(['policy', 'lint', 'policies'], cwd);
    expect(found.code).toBe(1);
    expect(found.stdout).toContain(
      'policies/all.yaml:4:31: warning GL019 deny-all: AuthorizationPolicy shop/all spec.rules[0]:',
    );
    expect((await run(['policy', 'lint', 'policies', '--allow', 'GL019', '--allow', 'shadowed-rule'], cwd)).code).toBe(
      0,
    );
    const sarif = await run(['policy', 'lint', 'policies', '--output', 'sarif'], cwd);
    expect(JSON.parse(sarif.stdout)).toMatchObject({
      version: '2.1.0',
      runs: [{ results: [{ ruleId: 'GL024' }, { ruleId: 'GL019' }] }],
    });
    const github = await run(['policy', 'lint', 'policies', '--output', 'github'], cwd);
    expect(github.stdout).toContain('::warning file=policies/all.yaml,line=4,col=31::GL019 ');
    expect((await run(['policy', 'lint', 'policies', '--allow', 'GL0'], cwd)).code).toBe(2);
    expect((await run(['policy', 'lint', 'cases.yaml'], cwd)).code).toBe(2);
  });
});

describe('policy diff', () => {
  test('tells which verdicts change', async () => {
    const cwd = folder();
    cpSync(path.join(cwd, 'policies'), path.join(cwd, 'next'), { recursive: true });
    const same = await run(['policy', 'diff', 'policies', 'next', '--cases', 'cases.yaml'], cwd);
    expect(same).toMatchObject({ code: 0, stdout: '', stderr: '0 of 2 verdicts change; 0 documents do\n' });
    writeFileSync(path.join(cwd, 'next/admin.yaml'), admin.replace('/admin*', '/x*'));
    const changed = await run(['policy', 'diff', 'policies', 'next', '--cases', 'cases.yaml'], cwd);
    expect(changed).toMatchObject({ code: 1, stderr: '2 of 2 verdicts change; 1 documents do\n' });
    expect(changed.stdout).toContain(
      '~ AuthorizationPolicy shop/admin  (policies/admin.yaml:3:11 → next/admin.yaml:3:11)',
    );
    expect(changed.stdout).toContain('NOW ALLOWED: admin › the admin area  (cases.yaml:5:5)  (the case expects A)');
    expect(changed.stdout).toContain('    B: deny 403, denied by rule 0 of shop/admin');
    expect((await run(['policy', 'diff', 'policies', 'nowhere', '--cases', 'cases.yaml'], cwd)).code).toBe(2);
  });

  test('without cases, tells which documents change and how', async () => {
    const cwd = folder();
    cpSync(path.join(cwd, 'policies'), path.join(cwd, 'next'), { recursive: true });
    expect(await run(['policy', 'diff', 'policies', 'next'], cwd)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '0 documents change\n',
    });
    writeFileSync(path.join(cwd, 'next/admin.yaml'), admin.replace('/admin*', '/x*'));
    const changed = await run(['policy', 'diff', 'policies', 'next'], cwd);
    expect(changed).toMatchObject({ code: 1, stderr: '1 document changes\n' });
    expect(changed.stdout.split('\n').slice(0, 2)).toEqual([
      '~ AuthorizationPolicy shop/admin  (policies/admin.yaml:3:11 → next/admin.yaml:3:11)',
      '    rules[0].to[0].paths: ["/admin*"] → ["/x*"]',
    ]);
  });
});

describe('policy fmt', () => {
  test('writes one layout, keeps comments, and then has nothing to do', async () => {
    const cwd = folder();
    const file = path.join(cwd, 'policies/admin.yaml');
    writeFileSync(
      file,
      `# why\nkind: AuthorizationPolicy\napiVersion: security.istio.io/v1\n${admin.split('\n').slice(2).join('\n')}`,
    );
    expect(await run(['policy', 'fmt', '--check', 'policies'], cwd)).toMatchObject({
      code: 1,
      stdout: 'policies/admin.yaml\n',
    });
    expect((await run(['policy', 'fmt', 'policies'], cwd)).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toMatch(/^# why\napiVersion: security.istio.io\/v1\nkind: /);
    expect((await run(['policy', 'fmt', '--check', 'policies'], cwd)).code).toBe(0);
  });
});

describe('policy test', () => {
  const inFolder = suite.replace('./policies/admin.yaml', './policies');

  test('takes the documents of a folder, and passes over the suites in it', async () => {
    const cwd = folder();
    writeFileSync(path.join(cwd, 'cases.yaml'), inFolder);
    writeFileSync(path.join(cwd, 'policies/own-cases.yaml'), suite.replace('./policies/', './'));
    expect(await run(['policy', 'test', 'cases.yaml', 'policies'], cwd)).toMatchObject({ code: 0 });
    writeFileSync(path.join(cwd, 'cases.yaml'), suite.replace('./policies/admin.yaml', './none'));
    const gone = await run(['policy', 'test', 'cases.yaml'], cwd);
    expect(gone).toMatchObject({ code: 2 });
    expect(gone.stderr).toContain('`./none` cannot be read; write the path of a file or folder');
  });

  test('--profile is for the mesh or for a namespace', async () => {
    const cwd = folder();
    const odd = suite.replace('/x/../admin', '/x%2f..%2fadmin');
    writeFileSync(path.join(cwd, 'cases.yaml'), odd);
    expect((await run(['policy', 'test', 'cases.yaml'], cwd)).code).toBe(0);
    expect((await run(['policy', 'test', 'cases.yaml', '--profile', 'shop=istio'], cwd)).code).toBe(1);
    expect((await run(['policy', 'test', 'cases.yaml', '--profile', 'other=istio'], cwd)).code).toBe(0);
    for (const flag of ['loose', 'shop=loose', '=istio', 'Shop=istio']) {
      expect((await run(['policy', 'test', 'cases.yaml', '--profile', flag], cwd)).code).toBe(2);
    }
  });

  test('--watch runs again for files that suites have begun to name', async () => {
    const cwd = folder();
    await using watching = new Command(['policy', 'test', 'cases.yaml', '--watch', '--output', 'json'], { cwd });
    const passed = async (): Promise<boolean[]> => {
      const lines = [await watching.line(), await watching.line()];
      return lines.map((line) => (JSON.parse(line) as { ok: boolean }).ok);
    };
    expect(await passed()).toEqual([true, true]);
    mkdirSync(path.join(cwd, 'other'));
    writeFileSync(path.join(cwd, 'other/open.yaml'), admin.replace('/admin*', '/nothing'));
    writeFileSync(path.join(cwd, 'cases.yaml'), suite.replace('./policies/admin.yaml', './other'));
    expect(await passed()).toEqual([false, true]);
    // What came with the edit is watched, new files in it included.
    writeFileSync(path.join(cwd, 'other/admin.yaml'), admin.replace('name: admin', 'name: again'));
    expect(await passed()).toEqual([true, true]);
  });
});
