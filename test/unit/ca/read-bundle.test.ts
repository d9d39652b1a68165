import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { readBundle } from '#ca/bundle/read-bundle.ts';
import { readJson } from '#ca/bundle/read-json.ts';
import { toBundleDocument } from '#ca/bundle/write-bundle.ts';
import { parseTrustDomain } from '#ca/spiffe-id.ts';

interface Case {
  readonly name: string;
  readonly text: string;
  readonly refused?: string;
  readonly reads?: Readonly<Record<string, unknown>>;
}

const cases = JSON.parse(readFileSync(join(import.meta.dirname, 'cases/bundles.json'), 'utf8')) as Case[];

describe('a bundle document', () => {
  test.each(cases.map((one) => [one.name, one] as const))('with %s', (_, { text, refused, reads }) => {
    if (refused !== undefined) {
      expect(() => readBundle(text)).toThrow(new RegExp(refused));
      expect(() => readBundle(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
      return;
    }
    const { roots, jwtKeys, sequence, refreshHintSeconds, ignored } = readBundle(text);
    expect({
      roots: roots.length,
      jwtKeys: jwtKeys.map(({ kid }) => kid),
      sequence: sequence?.toString() ?? null,
      refreshHint: refreshHintSeconds ?? null,
      ignored,
    }).toEqual(reads);
  });

  test('that is read and written again is the same', () => {
    const written = cases[0]?.text ?? '';
    const { roots, jwtKeys, sequence, refreshHintSeconds = 0 } = readBundle(written);
    const trustDomain = parseTrustDomain('td');
    const again = toBundleDocument({ trustDomain, roots, jwtKeys, sequence: Number(sequence), refreshHintSeconds });
    expect(readBundle(JSON.stringify(again))).toEqual(readBundle(written));
  });
});

test.each(['1', '"a"', 'null', ' [1 , 2]\n', '{"a":{"b":[true,false,{}]}}', '"\\u00e9\\n"', '-0.5e3', '[]', '{}'])(
  '%s is read as JSON.parse reads it',
  (text) => {
    const plain = (value: unknown): unknown => {
      if (value instanceof Map) return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]));
      if (Array.isArray(value)) return value.map(plain);
      return typeof value === 'bigint' ? Number(value) : value;
    };
    expect(plain(readJson(text))).toEqual(JSON.parse(text));
  },
);

test.each([
  '',
  '01',
  '+1',
  '.5',
  '1.',
  'nul',
  '[1,]',
  '{"a"}',
  '{"a":1,}',
  '"a',
  '"\\x"',
  '\u00a01',
  '[1 2]',
  '\ufeff{}',
])('%j is no JSON', (text) => {
  expect(() => JSON.parse(text) as unknown).toThrow();
  expect(() => readJson(text)).toThrow(/document/);
});
