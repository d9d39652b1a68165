import { describe, expect, test } from '@jest/globals';
import { defaultLimits, readYaml } from '#schema/index.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Texts that are refused, and the one thing that is said about each. */
const refused: readonly { readonly name: string; readonly text: string | Uint8Array; readonly says: string }[] = [
  { name: 'a NUL', text: 'a: b\0c\n', says: 'a.yaml:1:5 control character U+0000' },
  { name: 'a lone carriage return', text: 'a: b\rc: d\n', says: 'a.yaml:1:5 control character U+000D' },
  { name: 'bytes that are no UTF-8', text: bytes(0x61, 0x3a, 0x20, 0xff), says: 'a.yaml:1:1 the text is not UTF-8' },
  { name: 'UTF-16', text: bytes(0xff, 0xfe, 0x61, 0x00), says: 'a.yaml:1:1 the text is not UTF-8' },
  { name: 'a tab as indentation', text: 'a:\n\tb: 1\n', says: 'a.yaml:2:1 tabs are not allowed as indentation' },
  { name: 'a duplicate key', text: 'a: 1\nb: 2\na: 3\n', says: 'a.yaml:3:1 duplicate key `a`, first given in line 1' },
  {
    name: 'a duplicate key in JSON',
    text: '{"a":1,"\\u0061":2}',
    says: 'a.yaml:1:8 duplicate key `a`, first given in line 1',
  },
  {
    name: 'a duplicate key within an alias',
    text: 'a: &x {b: 1, b: 2}\nc: *x\n',
    says: 'a.yaml:1:14 duplicate key `b`, first given in line 1',
  },
  { name: 'a merge key', text: 'a: &x {b: 1}\nc: {<<: *x}\n', says: 'a.yaml:2:5 merge keys (`<<`) are not supported' },
  {
    name: 'a merge key in block style',
    text: 'a: &x {b: 1}\nc:\n  <<: *x\n',
    says: 'a.yaml:3:3 merge keys (`<<`) are not supported',
  },
  {
    name: 'a tag',
    text: 'a: !!binary aGk=\n',
    says: 'a.yaml:1:13 the tag `tag:yaml.org,2002:binary` is not supported',
  },
  { name: 'an alias of nothing', text: 'a: *b\n', says: 'a.yaml:1:4 nothing is anchored as `b`' },
  {
    name: 'an alias within what it names',
    text: 'a: &x [*x]\n',
    says: 'a.yaml:1:8 the alias `x` stands inside what it names',
  },
  { name: 'a key that is a list', text: '? [a]\n: b\n', says: 'a.yaml:1:3 a key must be a string' },
  {
    name: 'an open bracket',
    text: 'a: [1, 2\n',
    says: 'a.yaml:2:1 flow sequence in block collection must be sufficiently indented and end with a ]',
  },
  { name: 'an open quote', text: 'a: "b\n', says: 'a.yaml:2:1 missing closing "quote' },
  {
    name: 'keys out of line',
    text: 'a:\n    b: 1\n  c: 2\n',
    says: 'a.yaml:3:1 all mapping items must start at the same column',
  },
  {
    name: 'two values on a line',
    text: 'a: b: c\n',
    says: 'a.yaml:1:4 nested mappings are not allowed in compact mappings',
  },
];

function firstFault(text: string | Uint8Array): string | undefined {
  const { faults } = readYaml(text, 'a.yaml');
  const [fault] = faults;
  return fault && `${fault.place.file}:${fault.place.line}:${fault.place.column} ${fault.reason}`;
}

describe('a text is refused, with its place, for', () => {
  test.each(refused)('$name', ({ text, says }) => {
    expect(firstFault(text)).toBe(says);
  });
});

/** Texts made to cost more than they weigh. */
const costly: readonly { readonly name: string; readonly text: () => string; readonly says: RegExp | undefined }[] = [
  {
    name: 'aliases of aliases (a billion laughs)',
    text: () =>
      `a0: &a0 [x]\n${Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}]\n`).join('')}`,
    says: /aliases stand for more than 10000 values/,
  },
  {
    name: 'many aliases of one scalar',
    text: () => `a: &a x\nb: [${'*a,'.repeat(300_000)}]\n`,
    says: /aliases stand for more than 10000 values/,
  },
  { name: 'brackets 100,000 deep', text: () => '['.repeat(100_000), says: /nested more than 64 deep/ },
  { name: 'braces 100,000 deep', text: () => '{a: '.repeat(100_000), says: /nested more than 64 deep/ },
  { name: 'dashes 100,000 deep', text: () => '- '.repeat(100_000), says: /nested more than 64 deep/ },
  {
    name: 'indentation 2,000 deep',
    text: () => Array.from({ length: 2000 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''),
    says: /nested more than 64 deep/,
  },
  { name: 'anchors 100,000 deep', text: () => '&a [ '.repeat(100_000), says: /nested more than 64 deep/ },
  { name: 'a text of 17 MiB', text: () => 'a'.repeat(17 * 1024 * 1024), says: /longer than 16777216 bytes/ },
  { name: 'three million values', text: () => `[${'1,'.repeat(3_000_000)}1]`, says: /holds more than 2000000 values/ },
  {
    name: 'an error at the end of 10 MB',
    text: () => `${'- a: b\n'.repeat(600_000)}- a: b: c\n`,
    says: /neither a simple map, list or one-line value/,
  },
  { name: '200,000 duplicate keys', text: () => 'a: 1\n'.repeat(200_000), says: /duplicate key/ },
  { name: 'one key of 1 MB', text: () => `${'k'.repeat(1_000_000)}: v`, says: /at most 1024 chars/ },
  { name: '100,000 documents', text: () => '--- \na: 1\n'.repeat(100_000), says: undefined },
  { name: 'a list of 100,000 values', text: () => `a:\n${'  - "x"\n'.repeat(100_000)}`, says: undefined },
  {
    name: '100,000 keys',
    text: () => Array.from({ length: 100_000 }, (_, i) => `k${i}: 1\n`).join(''),
    says: undefined,
  },
  { name: 'a line of 10 MB', text: () => `a: "${'x'.repeat(10_000_000)}"\n`, says: undefined },
  {
    name: '1 MB of anchors',
    text: () => Array.from({ length: 60_000 }, (_, i) => `- &a${i} x\n`).join(''),
    says: undefined,
  },
  { name: '1 MB of folded text', text: () => `a: >\n${'  words of text\n'.repeat(60_000)}`, says: undefined },
];

describe('the reader answers in bounded time and memory to', () => {
  test.each(costly)('$name', ({ text, says }) => {
    const { faults, documents } = readYaml(text(), 'a.yaml');
    expect(faults.length).toBeLessThanOrEqual(defaultLimits.faults);
    if (says === undefined) {
      expect(faults).toEqual([]);
      expect(documents.length).toBeGreaterThan(0);
    } else expect(faults[0]?.reason).toMatch(says);
  });
});

test('a byte order mark and the line ends of Windows are read over', () => {
  const { documents, faults } = readYaml('\ufeffa: 1\r\nb:\r\n  - c\r\n', 'a.yaml');
  expect(faults).toEqual([]);
  expect(documents).toHaveLength(1);
});

test('what says nothing is no document', () => {
  for (const text of ['', '\n', '# only a comment\n', '---\n', '---\n---\n# x\n---', '--- # x\n...\n']) {
    expect({ text, ...readYaml(text, 'a.yaml') }).toEqual({ text, documents: [], faults: [] });
  }
});
