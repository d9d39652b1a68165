import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readYaml, toData } from '#schema/index.ts';
import type { Node } from '#schema/index.ts';

/** Everything a tree says, and where: nothing after a colon has no place of its own worth comparing. */
function show(node: Node): unknown {
  const at = `${node.place.line}:${node.place.column}`;
  if (node.kind === 'list') return { at, items: node.items.map(show) };
  if (node.kind === 'map') {
    return { at, entries: node.entries.map((entry) => [entry.key, entry.keyOffset, show(entry.value)]) };
  }
  const empty = node.plain && node.text === '';
  return { at: empty ? '' : at, text: node.text, plain: node.plain };
}

function read(text: string, general: boolean): { trees: unknown[]; faults: unknown[] } {
  // A document end sends the whole text to the general reader.
  const { documents, faults } = readYaml(general ? `${text}\n...\n` : text, 'a.yaml', { faults: 5 });
  return { trees: documents.map(show), faults: [...faults] };
}

/** Refuses to fall back: what comes out was read by the quick reader alone. */
function readQuickOnly(text: string): unknown[] | undefined {
  const { documents, faults } = readYaml(text, 'a.yaml', { generalBytes: -1 });
  return faults.length > 0 ? undefined : documents.map(show);
}

const pieces = [
  'a', 'b: ', 'key:', ': ', '- ', '-', ' ', '  ', '    ', '\n', '\n  ', '\n    ', '\n- ', '\n---\n', '# c', ' # c\n', '"', "'", "''",
  '"q"', "'s'", '"\\n\\u00e9\\x41"', '[', ']', '{', '}', ', ', '{a: b}', '[1, 2]', '|', '|\n', '|-\n  ', '>\n ', '&x ', '*x', '!t ', '<<: ',
  '? ', '%', '\t', 'true', '~', '0x1f', 'é', '\u2028', '\u00a0', '*', 'http://x/y:z', 'a#b', '\\', '...', '@',
]; // prettier-ignore

const soup = fc.array(fc.constantFrom(...pieces), { maxLength: 14 }).map((parts) => parts.join(''));

const word = fc.constantFrom(
  'a',
  'b c',
  'x:y',
  "it's",
  'say "hi"',
  '#no',
  '- no',
  'true',
  '12',
  '',
  ' lead',
  'é\u{1f600}',
  'a\\b',
  '[x',
  '*',
);
const leaf = fc.oneof(
  word.map((text) => JSON.stringify(text)),
  word.map((text) => `'${text.replaceAll("'", "''")}'`),
  fc.constantFrom(
    'plain',
    'two words',
    '5',
    '-1.5e3',
    'null',
    'a/b*',
    'http://h/p',
    '{}',
    '[]',
    '{a: [1, "x"], b: }',
    '[ x , y ]',
  ),
);

/** A document as a person would lay it out, with comments and blank lines here and there. */
const layout = fc
  .letrec<{ node: (indent: string) => string }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, depthSize: 'small' },
      leaf.map((text) => () => ` ${text}\n`),
      leaf.map((text) => () => ` ${text} # why\n\n`),
      fc.constantFrom('one', 'one\n\ntwo', 'é: [').map(
        (text) => (indent: string) =>
          ` |\n${text
            .split('\n')
            .map((line) => (line === '' ? '' : `${indent}  ${line}`))
            .join('\n')}\n`,
      ),
      fc
        .array(tie('node'), { minLength: 1, maxLength: 3 })
        .map((items) => (indent: string) => `\n${items.map((item) => `${indent}-${item(`${indent}  `)}`).join('')}`),
      fc
        .array(tie('node'), { minLength: 1, maxLength: 3 })
        .map(
          (items) => (indent: string) =>
            `\n${items.map((item, index) => `${indent}  k${index}:${item(`${indent}  `)}`).join('')}`,
        ),
    ),
  }))
  .node.map((write) => `top:${write('')}`);

/** JSON.parse rounds what we keep exact. */
function withoutBigInts(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(withoutBigInts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutBigInts(each)]));
}

describe('the two YAML readers', () => {
  test('agree on everything the quick one accepts', () => {
    let accepted = 0;
    fc.assert(
      fc.property(soup, (text) => {
        const quick = readQuickOnly(text);
        if (quick === undefined) return;
        accepted += 1;
        expect({ trees: quick, faults: [] }).toEqual(read(text, true));
      }),
      { numRuns: 20_000 },
    );
    expect(accepted).toBeGreaterThan(500);
  });

  test('agree on documents as people lay them out, and the quick one reads nearly all of those', () => {
    let quickly = 0;
    fc.assert(
      fc.property(layout, (text) => {
        const quick = readQuickOnly(text);
        if (quick !== undefined) quickly += 1;
        expect(read(text, false)).toEqual(read(text, true));
      }),
      { numRuns: 3000 },
    );
    expect(quickly).toBeGreaterThan(2500);
  });

  test('agree on JSON, and with JSON.parse', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(undefined, 1, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(read(text, false)).toEqual(read(text, true));
        const { documents, faults } = readYaml(text, 'a.json');
        const [document] = documents;
        if (faults.length > 0 || document === undefined) return;
        expect(withoutBigInts(toData(document))).toEqual(JSON.parse(text));
      }),
      { numRuns: 3000 },
    );
  });
});

test('no text makes the reader throw, and no fault is without a place inside the text', () => {
  fc.assert(
    fc.property(fc.oneof(soup, fc.string({ unit: 'binary' }), fc.uint8Array()), (input) => {
      const { faults } = readYaml(input, 'a.yaml');
      for (const fault of faults) {
        expect(fault.place.line).toBeGreaterThanOrEqual(1);
        expect(fault.place.column).toBeGreaterThanOrEqual(1);
        expect(fault.reason).not.toMatch(/\n/);
      }
    }),
    { numRuns: 20_000 },
  );
});
