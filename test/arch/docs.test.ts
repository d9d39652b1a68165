import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { laterKinds } from '#policies/documents/kinds.ts';

const root = join(import.meta.dirname, '../..');
const documents = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root });
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

describe('the documents', () => {
  test.each(documents)('%s links only to what exists', (document) => {
    const targets = [...read(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = targets
      .filter((target) => !/^(https?:|#|mailto:)/.test(target))
      .filter((target) => !existsSync(join(root, dirname(document), target.replace(/#.*$/, ''))));
    expect(broken).toEqual([]);
  });

  test('name only npm scripts that exist', () => {
    const named = documents.flatMap((document) =>
      [...read(document).matchAll(/npm run ([a-z][a-z:-]*)/g)].map(([, script = '']) => script),
    );
    expect(named.filter((script) => !Object.hasOwn(manifest.scripts, script))).toEqual([]);
  });

  test('every guarantee of SECURITY.md names the test that holds it', () => {
    const rows = read('SECURITY.md')
      .split('\n')
      .filter((line) => /^\| G\d+ /.test(line));
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter((row) => !/\]\(test\/[^)]+\)/.test(row))).toEqual([]);
  });

  test('README lists the kinds that are refused by name, and no others', () => {
    const [, list = ''] = /kinds that are not built \(([^)]*)\)/.exec(read('README.md')) ?? [];
    const listed = [...list.matchAll(/`(\w+)`/g)].map(([, kind]) => kind);
    expect(listed.sort()).toEqual(laterKinds.map((kind) => kind.split(' ').at(-1)).sort());
  });

  test('every dependency has its line', () => {
    const lines = read('docs/adr/dependencies.md');
    const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(names.filter((name) => !lines.includes(`\`${name}\``))).toEqual([]);
  });
});
