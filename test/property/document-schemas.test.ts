import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { wasmCedar } from '#policies/cedar/wasm-engine.ts';
import fc from 'fast-check';
import { DocumentReader, defaultMesh } from '#policies/documents/index.ts';
import { isSuite } from '#policies/cases/index.ts';
import { readYaml, toData } from '#schema/index.ts';
import type { Node } from '#schema/index.ts';
import { openSuite, suiteFiles } from '#test/fakes/run-suites.ts';

const root = path.resolve(import.meta.dirname, '../..');
const folder = path.join(root, 'docs/schema');
const ajv = new Ajv2020({ allErrors: false, strict: true, strictTypes: false, strictRequired: false });
for (const name of readdirSync(folder).filter((file) => file.endsWith('.json')))
  ajv.addSchema(JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as object, name);

function schemaTakes(name: string, data: unknown): boolean {
  const validate = ajv.getSchema(name);
  if (validate === undefined) throw new Error(`no schema ${name}`);
  return validate(data) as boolean;
}

const cedar = wasmCedar();

function parserTakes(document: unknown): boolean {
  const { documents, faults } = readYaml(JSON.stringify(document), 'a.json');
  const [node] = documents;
  if (node === undefined || faults.length > 0) return false;
  const reader = new DocumentReader(defaultMesh, cedar);
  reader.read(node);
  return reader.faults.every((fault) => fault.severity === 'warning');
}

/** Data as a JSON parser would give it: objects with their usual prototype. */
const plain = (node: Node): unknown =>
  JSON.parse(JSON.stringify(toData(node), (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)));

interface Example {
  readonly name: string;
  readonly document: Record<string, unknown>;
  readonly valid: boolean;
}

const examples = suiteFiles('policies/library/cases/validation').flatMap((file): Example[] =>
  openSuite(file).text.invalid.map(({ value }) => ({
    name: value.name,
    document: plain(value.document) as Record<string, unknown>,
    valid: value.expect.valid,
  })),
);
const readable = examples.filter(({ document }) => ajv.getSchema(`${String(document['kind'])}.json`) !== undefined);

describe('JSON Schemas and parsers', () => {
  test('every good document of the tables passes its schema', () => {
    const good = readable.filter(({ valid }) => valid);
    expect(good.length).toBeGreaterThan(60);
    for (const { name, document } of good) {
      expect({ name, takes: schemaTakes('Document.json', document) }).toEqual({ name, takes: true });
    }
  });

  test('most bad documents of the tables fail their schema already; the rest needs more than a schema can say', () => {
    const bad = readable.filter(({ valid }) => !valid);
    const caught = bad.filter(({ document }) => !schemaTakes('Document.json', document));
    expect(caught.length / bad.length).toBeGreaterThan(0.5);
  });

  test('what the parser takes, the schema takes, however a good document is bent', () => {
    const good = readable.filter(({ valid }) => valid);
    let taken = 0;
    fc.assert(
      fc.property(fc.constantFrom(...good), fc.array(bend, { maxLength: 2 }), ({ document }, bends) => {
        const bent = bends.reduce<unknown>((value, { at, into }) => bendAt(value, at, into), document) as Record<
          string,
          unknown
        >;
        if (!parserTakes(bent)) return;
        taken += 1;
        expect({ bent, takes: schemaTakes('Document.json', bent) }).toEqual({ bent, takes: true });
      }),
      { numRuns: 5000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  test('what breaks the form of a document, both refuse', () => {
    const good = readable.filter(({ valid }) => valid);
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.nat(),
        fc.constantFrom<'surplus' | 'spec' | 42>('surplus', 'spec', 42),
        ({ document }, at, into) => {
          const bent = into === 42 ? bendAt(document, at, 42) : addKey(document, at, into);
          const takes = { parser: parserTakes(bent), schema: schemaTakes('Document.json', bent) };
          // Where any key may stand, and any value, neither has a say.
          if (takes.parser) expect(takes.schema).toBe(true);
          else if (into !== 42) expect(takes).toEqual({ parser: false, schema: false });
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('case files pass theirs', () => {
    const files = suiteFiles('policies/library/cases');
    for (const file of files) {
      const [node] = readYaml(readFileSync(path.join(root, file)), file).documents;
      if (node === undefined || !isSuite(node)) throw new Error(file);
      expect({ file, takes: schemaTakes('CaseFile.json', plain(node)) }).toEqual({ file, takes: true });
    }
  });
});

test('no document makes the parser throw', () => {
  const reserved = fc.constantFrom(
    'apiVersion',
    'kind',
    'metadata',
    'spec',
    'name',
    'rules',
    'from',
    'source',
    '__proto__',
    'items',
  );
  const value = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 6, depthSize: 'medium' },
      fc.constantFrom<unknown>(
        null,
        true,
        5,
        '',
        '*',
        'security.istio.io/v1',
        'AuthorizationPolicy',
        'v1',
        'List',
        'ALLOW',
      ),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(reserved, tie('any'), { maxKeys: 5 }),
    ),
  })).any;
  const whole = fc
    .tuple(fc.constantFrom(...readable), fc.nat(), value)
    .map(([{ document }, at, into]) => bendAt(document, at, into));
  fc.assert(
    fc.property(fc.oneof(value, whole), (document) => {
      expect(typeof parserTakes(document)).toBe('boolean');
    }),
    { numRuns: 10_000 },
  );
});

const bend = fc.record({
  at: fc.nat(),
  into: fc.constantFrom<unknown>(
    null,
    '',
    'x',
    '*',
    0,
    1,
    true,
    [],
    {},
    ['a'],
    ['*'],
    '5s',
    'ALLOW',
    'DENY',
    '/a/{*}',
    '10.0.0.0/8',
    { a: 'b' },
  ),
});

/** The value with the n-th of everything in it replaced. */
function bendAt(value: unknown, at: number, into: unknown): unknown {
  const copy: unknown = structuredClone(value);
  const places = slots(copy);
  places[at % Math.max(places.length, 1)]?.(into);
  return copy;
}

/** The value with a key added to its n-th object. */
function addKey(value: unknown, at: number, key: string): unknown {
  const copy: unknown = structuredClone(value);
  const objects: Record<string, unknown>[] = [];
  const walk = (each: unknown, path: string): void => {
    if (typeof each !== 'object' || each === null) return;
    // Maps whose keys are data take any key.
    const open =
      /(matchLabels|labels|annotations|ports|portLevelMtls|contextExtensions|attrs|attrs\..*|status|managedFields|metadata\.(?!name).*)$/.test(
        path,
      );
    if (!Array.isArray(each) && !open) objects.push(each as Record<string, unknown>);
    for (const [name, child] of Object.entries(each)) walk(child, `${path}.${name}`);
  };
  walk(copy, '');
  const target = objects[at % objects.length];
  if (target !== undefined) target[key === 'spec' && 'spec' in target ? 'specs' : key] = 'x';
  return copy;
}

function slots(value: unknown): ((into: unknown) => void)[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => {
    const holder = value as Record<string, unknown>;
    return [
      (into: unknown) => {
        holder[key] = into;
      },
      ...slots(holder[key]),
    ];
  });
}
