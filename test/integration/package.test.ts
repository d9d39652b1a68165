import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import { machineNode } from '#test/fakes/machine-node.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa } from '#test/fakes/running-ca.ts';

// The package as it is published: built, packed, unpacked where there is no checkout, with the dependencies of this one.
const root = path.resolve(import.meta.dirname, '../..');
let home = '';

const copied = [
  'bin',
  'ca',
  'cli',
  'policies',
  'proto',
  'schema',
  'scripts',
  'services',
  'identity',
  'docs',
  'examples',
];
const alone = ['package.json', 'tsconfig.json', 'README.md', 'CHANGELOG.md', 'SECURITY.md'];

beforeAll(() => {
  home = mkdtempSync(path.join(tmpdir(), 'garrison-package-'));
  const source = path.join(home, 'source');
  mkdirSync(source);
  // A copy is built, so that no other suite meets a dist/ that comes and goes.
  execFileSync('cp', ['-r', ...[...copied, ...alone].map((name) => path.join(root, name)), source]);
  symlinkSync(path.join(root, 'node_modules'), path.join(source, 'node_modules'));
  // As in a fresh clone, where nothing is built: packing builds.
  const env = { ...process.env, NODE_OPTIONS: '' };
  execFileSync('npm', ['pack', '--offline', '--pack-destination', home], { cwd: source, stdio: 'pipe', env });
  execFileSync('tar', ['-xzf', `garrison-${manifest().version}.tgz`], { cwd: home });
  mkdirSync(path.join(home, 'app/node_modules'), { recursive: true });
  renameSync(path.join(home, 'package'), path.join(home, 'app/node_modules/garrison'));
  const { dependencies } = manifest();
  for (const name of Object.keys(dependencies)) {
    const link = path.join(home, 'app/node_modules', name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', name), link);
  }
  rmSync(source, { recursive: true });
}, 180_000);

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
});

const own = machineNode();
const runtimes: [string, string][] = [
  [process.version, process.execPath],
  ...(own === undefined || own.version === process.version ? [] : [[own.version, own.path] satisfies [string, string]]),
];

interface Manifest {
  readonly version: string;
  readonly dependencies: Record<string, string>;
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest;
}

function node(...args: string[]): { code: number | null; out: string; err: string } {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const ran = spawnSync(process.execPath, args, { cwd: path.join(home, 'app'), encoding: 'utf8', env });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}

const garrison = (...args: string[]) => node('node_modules/garrison/bin/garrison.js', ...args);

const said = `GET: allow, policy shop/readers: allowed by rule 0 of shop/readers
DELETE: deny, policy none: no ALLOW policy matched
`;

describe('the package', () => {
  test('decides in a plain program', () => {
    const example = readFileSync(path.join(root, 'examples/policies-as-a-library/example.ts'), 'utf8');
    writeFileSync(path.join(home, 'app/example.mjs'), example);
    expect(node('example.mjs')).toEqual({ code: 0, out: said, err: '' });
  });

  test('decides by Cedar in a plain program', () => {
    const example = readFileSync(path.join(root, 'examples/policies-as-a-library/cedar.ts'), 'utf8');
    writeFileSync(path.join(home, 'app/cedar.mjs'), example);
    expect(node('cedar.mjs')).toEqual({ code: 0, out: said, err: '' });
  });

  test('decides in a page, where there is nothing of Node', async () => {
    const { outputFiles } = await build({
      entryPoints: [path.join(home, 'app/example.mjs')],
      bundle: true,
      write: false,
      platform: 'browser',
      format: 'iife',
      target: 'es2022',
      logLevel: 'silent',
    });
    const lines: string[] = [];
    const page = { console: { log: (line: string) => lines.push(line) }, TextEncoder, TextDecoder, URL, atob, btoa };
    runInNewContext(outputFiles[0]?.text ?? '', page);
    expect(`${lines.join('\n')}\n`).toBe(said);
  });

  // On the runtime that is pinned here, and on the machine's own, which may be as old as `engines` allows.
  test.each(runtimes)('gets an identity and makes mutual TLS in a plain program on Node %s', async (_, runtime) => {
    const example = readFileSync(path.join(root, 'examples/workload-identity/example.ts'), 'utf8');
    writeFileSync(path.join(home, 'app/identity.mjs'), example);
    const selectors = [ownUid, `unix:path:${runtime}`];
    await using running = await runCa({ policies: { 'web.yaml': registration('web', 'web', selectors) } });
    const env = { ...process.env, NODE_OPTIONS: '', SPIFFE_ENDPOINT_SOCKET: `unix://${running.state}/workload.sock` };
    const options = { cwd: path.join(home, 'app'), env, timeout: 20_000 };
    const id = 'spiffe://example.org/ns/shop/sa/web';
    expect(await promisify(execFile)(runtime, ['identity.mjs'], options)).toEqual({
      stdout: `hello ${id}\ntoken of ${id} for reports\n`,
      stderr: '',
    });
  });

  test('has the command', () => {
    expect(garrison('--help')).toMatchObject({ code: 0, out: expect.stringContaining('policy validate') });
    expect(garrison('--version').out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('has what the demo needs', () => {
    expect(garrison('policy', 'validate', 'node_modules/garrison/examples/bookinfo/policies')).toMatchObject({
      code: 0,
    });
    expect(node('--check', 'node_modules/garrison/dist/cli/demo/bookinfo/main.js')).toMatchObject({ code: 0, err: '' });
  });

  test('keeps what V8 made of the code beside the code, for the next start', () => {
    garrison('--version');
    const kept = path.join(home, 'app/node_modules/garrison/node_modules/.cache/garrison');
    expect(readdirSync(kept)).toEqual([expect.stringContaining(process.version)]);
  });

  test('runs the library’s cases, those in Cedar too', () => {
    const ran = garrison('policy', 'test', 'node_modules/garrison/policies/library/cases');
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.err + ran.out).toMatch(/(\d+) of \1 cases as expected/);
  });
});

test('the README shows the example as it is run', () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const example = readFileSync(path.join(root, 'examples/policies-as-a-library/example.ts'), 'utf8');
  const [first = ''] = example.split('\n');
  const shown = example.slice(example.indexOf('const loaded')).trimEnd();
  expect(readme).toContain(['```ts', first, '', shown, '```'].join('\n'));
});

test('the page about identities shows the example as it is run', () => {
  const page = readFileSync(path.join(root, 'docs/workload-identity.md'), 'utf8');
  const example = readFileSync(path.join(root, 'examples/workload-identity/example.ts'), 'utf8');
  expect(page).toContain(`\`\`\`ts\n${example}\`\`\``);
});

test('the page about Cedar shows the suite as it is run', () => {
  const page = readFileSync(path.join(root, 'docs/cedar.md'), 'utf8');
  const suite = readFileSync(path.join(root, 'examples/cedar/teams.yaml'), 'utf8');
  expect(page).toContain(`\`\`\`yaml\n${suite}\`\`\``);
  const example = readFileSync(path.join(root, 'examples/policies-as-a-library/cedar.ts'), 'utf8');
  expect(page).toContain(`\`\`\`ts\n${example}\`\`\``);
  const bin = path.join(root, 'bin/garrison.js');
  const ran = spawnSync(process.execPath, [bin, 'policy', 'test', 'examples/cedar'], { cwd: root, encoding: 'utf8' });
  expect(ran).toMatchObject({ status: 0, stderr: expect.stringContaining('3 of 3 cases as expected') });
});
