import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';

/** One published bypass, and by file the names of the cases that prove it does not work here. */
interface Row {
  readonly bulletin: string;
  readonly trick: string;
  readonly attacks: Readonly<Record<string, readonly string[]>>;
  readonly neighbours: Readonly<Record<string, readonly string[]>>;
}

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const rows = parse(readFileSync(path.join(import.meta.dirname, 'bypasses.yaml'), 'utf8')) as Row[];

interface Named {
  readonly name: string;
}

/** The names of the cases in a data file; for a test written in TypeScript, undefined. */
function namesIn(file: string): readonly string[] | undefined {
  if (file.endsWith('.json')) return (JSON.parse(read(file)) as Named[]).map(({ name }) => name);
  if (!file.endsWith('.yaml')) return undefined;
  const suites = parseAllDocuments(read(file)).map(
    (document) => document.toJS() as { cases?: Named[]; invalid?: Named[] } | null,
  );
  return suites.flatMap((suite) => [...(suite?.cases ?? []), ...(suite?.invalid ?? [])].map(({ name }) => name));
}

function isThere(file: string, name: string): boolean {
  if (!existsSync(path.join(root, file))) return false;
  return namesIn(file)?.includes(name) ?? read(file).includes(`'${name}'`);
}

const proofsOf = ({ attacks, neighbours }: Row): [file: string, name: string][] =>
  [attacks, neighbours].flatMap((side) =>
    Object.entries(side).flatMap(([file, names]) => names.map((name): [string, string] => [file, name])),
  );

test('the table is read, and has each bulletin once', () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(new Set(rows.map(({ bulletin }) => bulletin)).size).toBe(rows.length);
});

describe.each(rows)('$bulletin, $trick', (row) => {
  test('has attacks and benign neighbours', () => {
    expect(Object.values(row.attacks).flat().length).toBeGreaterThan(0);
    expect(Object.values(row.neighbours).flat().length).toBeGreaterThan(0);
  });

  test('lists only cases that exist', () => {
    expect(proofsOf(row).filter(([file, name]) => !isThere(file, name))).toEqual([]);
  });
});

test('whatever names a bulletin stands in the table', () => {
  const suites = 'policies/library/cases/hostile';
  const wires = 'test/integration/sidecar/bypasses';
  const files = [
    ...readdirSync(path.join(root, suites)).map((name) => path.posix.join(suites, name)),
    ...readdirSync(path.join(root, wires))
      .filter((name) => name.endsWith('.json'))
      .map((name) => path.posix.join(wires, name)),
  ];
  const listed = new Set(rows.flatMap(proofsOf).map(([file, name]) => `${file} ${name}`));
  const named = files.flatMap((file) =>
    (namesIn(file) ?? [])
      .filter((name) => /^(CVE-|GHSA-|ISTIO-SECURITY-|SECURITY-|istio 5|ours: )/.test(name))
      .map((name) => `${file} ${name}`),
  );
  expect(named.length).toBeGreaterThan(150);
  expect(named.filter((one) => !listed.has(one))).toEqual([]);
});
