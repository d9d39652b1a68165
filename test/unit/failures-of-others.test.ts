import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';

interface Row {
  readonly where: string;
  readonly fault: string;
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const rows = parse(read('test/unit/failures-of-others.yaml')) as Row[];

/** A test that is skipped proves nothing, so its name must stand where tests have names. */
function isThere(file: string, name: string): boolean {
  if (!existsSync(path.join(root, file))) return false;
  const text = read(file);
  if (file.endsWith('.json')) return text.includes(`"name": ${JSON.stringify(name)}`);
  return (
    text.includes(`'${name}'`) && !/\b(?:test|describe|it)\.(?:skip|todo|only)\b|\bx(?:test|describe|it)\(/.test(text)
  );
}

test('the table has all the rows that there are, each once', () => {
  expect(rows).toHaveLength(16);
  expect(new Set(rows.map(({ where }) => where)).size).toBe(16);
});

describe.each(rows)('$where: $fault', ({ tests }) => {
  test('would be seen by tests that are there', () => {
    const named = Object.entries(tests).flatMap(([file, names]) => names.map((name): [string, string] => [file, name]));
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter(([file, name]) => !isThere(file, name))).toEqual([]);
  });
});

test('Node is pinned, and never starts from a snapshot', () => {
  const { optionalDependencies = {}, scripts } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >;
  const versions = Object.entries(optionalDependencies).flatMap(([name, version]) =>
    name.startsWith('node-linux-') ? [version] : [],
  );
  expect(new Set(versions).size).toBe(1);
  expect(versions[0]).toMatch(/^[0-9]+\.[0-9]+\.[0-9]+$/);
  const started = [...readdirSync(path.join(root, 'bin')).map((file) => read(`bin/${file}`)), JSON.stringify(scripts)];
  for (const text of started) expect(text).not.toMatch(/snapshot-blob|build-snapshot|startup-snapshot/);
});
