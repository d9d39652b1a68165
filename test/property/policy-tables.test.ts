import { isIP } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readAddress, readBlock } from '#policies/compile/address.ts';
import { AffixTable } from '#policies/compile/affix-table.ts';
import { BlockTable } from '#policies/compile/block-table.ts';
import { GlobMatcher } from '#policies/compile/glob.ts';
import { PathTemplate } from '#policies/compile/path-template.ts';
import { isAmbiguous, normalizePath, pathLevels } from '#policies/decide/normalize-path.ts';
import { readStrictJson } from '#policies/tokens/strict-json.ts';
import { bytesOf, inBlock, matchesNamespace, matchesTemplate, plainAddress } from '#test/oracle/plain-match.ts';
import { hasTwoMeanings, normalized } from '#test/oracle/plain-path.ts';

/** The tables of the index, each against what it stands for. */

const letters = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });

describe('affixes', () => {
  test.each(['prefix', 'suffix'] as const)(
    'a walk meets every %s of a text and nothing else, shortest first',
    (direction) => {
      const isAffix = (text: string, affix: string): boolean =>
        direction === 'prefix' ? text.startsWith(affix) : text.endsWith(affix);
      fc.assert(
        fc.property(fc.array(letters, { maxLength: 60 }), letters, (affixes, text) => {
          const table = new AffixTable<string>(direction);
          for (const affix of affixes) table.upsert(affix, () => affix);
          const met: string[] = [];
          table.walk(text, { visit: (affix) => met.push(affix) });
          const expected = [...new Set(affixes)]
            .filter((affix) => isAffix(text, affix))
            .sort((a, b) => a.length - b.length);
          expect(met).toEqual(expected);
          expect(table.hits(text)).toBe(expected.length > 0);
          expect([...table.values()].sort()).toEqual([...new Set(affixes)].sort());
        }),
        { numRuns: 500 },
      );
    },
  );
});

describe('addresses', () => {
  const texts = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: fc.constantFrom('0', '1', 'f', ':', '.', '::', '/', '%', '255', '256'), maxLength: 12 }),
  );

  test('a text is an address exactly when Node says so, zones aside', () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(readAddress(text, false) !== undefined).toBe(isIP(text) !== 0 && !text.includes('%'));
      }),
      { numRuns: 2_000 },
    );
  });

  test('blocks hold what their bits say', () => {
    const block = fc.oneof(
      fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, bits]) => `${address}/${bits}`),
      fc.tuple(fc.ipV6(), fc.nat(128)).map(([address, bits]) => `${address}/${bits}`),
      fc.nat(128).map((bits) => `::ffff:10.0.0.0/${bits}`),
    );
    fc.assert(
      fc.property(
        fc.array(block, { minLength: 1, maxLength: 8 }),
        fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('::ffff:10.1.2.3')),
        fc.boolean(),
        (all, text, mapped) => {
          const table = new BlockTable<string>();
          for (const one of all) table.upsert(readBlock(one, mapped), () => one);
          const address = readAddress(text, mapped);
          if (address === undefined) throw new Error(`${text} is an address`);
          const inside = all.some((one) => inBlock(one, plainAddress(bytesOf(text), mapped), mapped));
          expect(table.has(address)).toBe(inside);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe('patterns', () => {
  test('a template matches what its regular expression does', () => {
    const template = fc
      .array(fc.constantFrom('/', 'a', 'b', '{*}', '/a', '/{*}'), { minLength: 1, maxLength: 7 })
      .chain((parts) => fc.constantFrom(parts.join(''), `${parts.join('')}{**}`, `${parts.join('')}/{**}/a`))
      .filter((text) => text.includes('{'));
    const path = fc.string({ unit: fc.constantFrom('/', 'a', 'b', '|', '[', '*', '%'), maxLength: 10 });
    fc.assert(
      fc.property(template, path, fc.boolean(), (text, tried, wide) => {
        expect(new PathTemplate(text, wide).matches(tried)).toBe(matchesTemplate(text, tried, wide));
      }),
      { numRuns: 3_000 },
    );
  });

  test('a glob matches what its regular expression does', () => {
    const glob = fc.string({ unit: fc.constantFrom('*', 'a', 'b', '.'), maxLength: 7 });
    fc.assert(
      fc.property(glob, fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 }), (text, tried) => {
        expect(new GlobMatcher([text]).matches(tried)).toBe(matchesNamespace(text, tried));
      }),
      { numRuns: 3_000 },
    );
  });
});

test('paths are normalised as the list of steps says, at every level', () => {
  const path = fc
    .array(
      fc.constantFrom(
        '/',
        '/',
        '..',
        '.',
        'a',
        '%2e',
        '%2E',
        '%2f',
        '%5c',
        '\\',
        '%41',
        '%',
        '%%4',
        '1',
        ';',
        '|',
        ' ',
        '\xff',
        '%00',
        '\0',
      ),
      { maxLength: 12 },
    )
    .map((parts) => `/${parts.join('')}`);
  fc.assert(
    fc.property(path, fc.constantFrom(...pathLevels), (text, level) => {
      // A percent sign that escapes nothing has cases of its own, below.
      fc.pre(!/%(?![0-9a-f]{2})/i.test(text));
      expect(normalizePath(level, text) ?? 'refused').toBe(normalized(level, text));
      expect(isAmbiguous(text)).toBe(hasTwoMeanings(text));
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  ['/%%341', '/%2541'],
  ['/%4%31', '/%2541'],
  ['/%%34%31', '/%2541'],
  ['/%a%41', '/%25aA'],
  ['/%%34g', '/%4g'],
  ['/%zz', '/%zz'],
  ['/%', '/%'],
  ['/%%61dmin', '/%25admin'],
  ['/%%61xmin', '/%axmin'],
])('no escape comes of what was none: %s', (path, expected) => {
  expect(normalizePath('BASE', path)).toBe(expected);
});

describe('JSON of tokens', () => {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

  test('is read as JSON.parse reads it where names differ', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (value) => {
        const text = JSON.stringify(value);
        expect(readStrictJson(encode(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  test('a name that comes twice in one object is refused, however it is spelled', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.dictionary(fc.string(), fc.string()), (name, others) => {
        const escaped = Array.from(name)
          .map((letter) => (letter.length === 1 ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}` : letter))
          .join('');
        const members = [
          `${JSON.stringify(name)}:1`,
          ...Object.entries(others)
            .filter(([other]) => other !== name)
            .map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`),
          `"${escaped}":2`,
        ];
        expect(readStrictJson(encode(`{${members.join(',')}}`))).toBe('has a duplicate member name');
        expect(readStrictJson(encode(`{"deep":[{${members.join(' , ')}}]}`))).toBe('has a duplicate member name');
      }),
    );
  });
});
