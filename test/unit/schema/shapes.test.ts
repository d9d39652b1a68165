import { describe, expect, test } from '@jest/globals';
import {
  any,
  boolean,
  check,
  describeFault,
  duration,
  field,
  integer,
  list,
  map,
  nearest,
  object,
  oneOf,
  parse,
  parseDuration,
  readYaml,
  record,
  string,
  toJsonSchema,
} from '#schema/index.ts';
import type { Shape } from '#schema/index.ts';

function read<T>(shape: Shape<T>, text: string): { value: T | undefined; faults: string[] } {
  const { documents, faults } = readYaml(text, 'a.yaml');
  const [node] = documents;
  if (node === undefined || faults.length > 0) throw new Error('not YAML');
  const told: string[] = [];
  const value = parse(shape, node, (fault) => told.push(describeFault(fault)));
  return { value, faults: told };
}

const shape = object({
  name: field(string({ minLength: 1 }), { describe: 'Its name.', required: true }),
  port: field(integer({ min: 1, max: 65535 }), { describe: 'Its port.', default: 80 }),
  mode: field(oneOf(['open', 'shut']), { describe: 'Its mode.' }),
  tags: field(list(string(), { max: 2 }), { describe: 'Its tags.', default: [], nullable: true }),
  wait: field(duration(), { describe: 'Its patience.' }),
});

describe('an object', () => {
  test('reads what is given and fills in what is not', () => {
    expect(read(shape, 'name: a\nwait: 1m30s\n')).toEqual({
      value: { name: 'a', port: 80, mode: undefined, tags: [], wait: 90_000 },
      faults: [],
    });
  });

  test('tells everything that is wrong at once, each with its place', () => {
    expect(read(shape, 'nam: x\nport: 99999\nmode: opne\ntags: [a, 1, ~]\nwait: 5\n')).toEqual({
      value: undefined,
      faults: [
        'a.yaml:1:1: nam: unknown key `nam`; did you mean `name`?',
        'a.yaml:2:7: port: `99999` is not between 1 and 65535',
        'a.yaml:3:7: mode: must be one of `open`, `shut`, not `opne`; did you mean `open`?',
        'a.yaml:4:7: tags: has 3 elements, at most 2 are allowed',
        'a.yaml:5:7: wait: `5` is not a duration; write a number and a unit, such as `5s`, `250ms`, `1h30m`',
        'a.yaml:1:1: name: is missing; add `name`',
      ],
    });
  });

  test('takes `key:` for no key only where that is declared', () => {
    expect(read(shape, 'name: a\ntags:\n').value?.tags).toEqual([]);
    expect(read(shape, 'name: a\nmode:\n').faults).toEqual([
      'a.yaml:2:6: mode: has no value; give it one, or remove the key',
    ]);
    expect(read(shape, 'name:\nmode: open\n').faults).toEqual(['a.yaml:1:6: name: has no value; give it one']);
  });

  test('is not fooled by names that every JavaScript object has', () => {
    for (const key of ['__proto__', 'constructor', 'toString']) {
      expect(read(shape, `name: a\n${key}: b\n`).faults[0]).toContain(`unknown key \`${key}\``);
    }
    const open = read(record(string()), '__proto__: a\n').value;
    expect([...(open ?? [])]).toEqual([['__proto__', 'a']]);
    expect(Object.keys(read(any(), '__proto__: a\n').value as object)).toEqual(['__proto__']);
  });
});

describe('scalars are what YAML 1.2 says they are', () => {
  test.each([
    ['no', 'no'], ['on', 'on'], ['y', 'y'], ['True', true], ['~', null], ['null', null], ['0x1F', 31], ['0o17', 15], ['017', 17],
    ['1e3', 1000], ['1_000', '1_000'], ['12:30', '12:30'], ['.5', 0.5], ['-.inf', -Infinity], ['2026-01-01', '2026-01-01'],
    ['"1"', '1'], ["'true'", 'true'], ['12345678901234567890', 12345678901234567890n], ['+5', 5], ['0b11', '0b11'], ['tRUE', 'tRUE'],
  ] as const)('%s', (text, expected) => {
    expect(read(any(), text).value).toEqual(expected);
  }); // prettier-ignore

  test('a number or boolean is no string until it is quoted', () => {
    expect(read(string(), '80').faults).toEqual(['a.yaml:1:1: must be a string, not a number; write `"80"` in quotes']);
    expect(read(string(), 'true').faults).toEqual([
      'a.yaml:1:1: must be a string, not a boolean; write `"true"` in quotes',
    ]);
    expect(read(boolean(), 'yes').faults).toEqual([
      'a.yaml:1:1: must be true or false, not a string; write `true` or `false`, without quotes',
    ]);
    expect(read(integer(), '"5"').faults).toEqual([
      'a.yaml:1:1: must be a whole number, not a string; remove the quotes',
    ]);
    expect(read(integer(), '99999999999999999999').faults).toHaveLength(1);
    expect(read(integer(), '1.5').faults).toHaveLength(1);
  });
});

test('a check sees what could be read, and points below where it stands', () => {
  const checked = check(shape, (value, here) => {
    if (value.port === 80 && here.has('tags')) here.fault('no tags on port 80', 'drop them', 'tags', 0);
    if (value.name === 'a') here.warn('a poor name', undefined, 'name');
  });
  expect(read(checked, 'name: a\ntags: [x]\nmode: 5\n').faults).toEqual([
    'a.yaml:3:7: mode: must be one of `open`, `shut`, not `5`',
    'a.yaml:2:8: tags[0]: no tags on port 80; drop them',
    'a.yaml:1:1: warning: name: a poor name',
  ]);
  expect(read(checked, 'name: a\n').value?.name).toBe('a');
  expect(
    read(
      map(string(), (text) => text.length),
      'abc',
    ).value,
  ).toBe(3);
});

test('durations add up, and nothing else is one', () => {
  expect(['0ms', '1h30m', '1.5s', '250ms', '1us'].map(parseDuration)).toEqual([0, 5_400_000, 1500, 250, 0.001]);
  for (const text of ['', '5', '-5s', '5 s', '1d', 's', '1e3s', '1h'.repeat(40)])
    expect(parseDuration(text)).toBeUndefined();
});

test('bounds of a duration are told as it is written', () => {
  const told = (minMs: number, maxMs?: number): string | undefined =>
    read(duration(maxMs === undefined ? { minMs } : { minMs, maxMs }), '0.5ms').faults[0]?.replace(/^.*must be /, '');
  expect(told(1)).toBe('at least `1ms`');
  expect(told(10_000, 7 * 86_400_000)).toBe('between `10s` and `168h` (7 days)');
  expect(told(3_600_000, 10 * 8760 * 3_600_000)).toBe('between `1h` and `87600h` (3650 days)');
  expect(told(5_400_250, 86_400_000)).toBe('between `1h30m250ms` and `24h`');
  expect(read(duration({ maxMs: 60_000 }), '2m').faults).toEqual(['a.yaml:1:1: `2m` must be between `0s` and `1m`']);
});

test('the nearest name is the one a typist may have meant', () => {
  const names = ['principals', 'notPrincipals', 'namespaces', 'ipBlocks'];
  expect(nearest('principlas', names)).toBe('principals');
  expect(nearest('Namespaces', names)).toBe('namespaces');
  expect(nearest('ipblock', names)).toBe('ipBlocks');
  expect(nearest('hosts', names)).toBeUndefined();
  expect(nearest('x'.repeat(100_000), names)).toBeUndefined();
});

test('the JSON Schema says the same', () => {
  expect(toJsonSchema(shape, { title: 'Thing' })).toEqual({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Thing',
    type: 'object',
    properties: {
      name: { description: 'Its name.', type: 'string', minLength: 1 },
      port: { description: 'Its port.', default: 80, type: 'integer', minimum: 1, maximum: 65535 },
      mode: { description: 'Its mode.', type: 'string', enum: ['open', 'shut'] },
      tags: {
        description: 'Its tags.',
        anyOf: [{ type: 'array', items: { type: 'string' }, maxItems: 2 }, { type: 'null' }],
      },
      wait: expect.objectContaining({ description: 'Its patience.', type: 'string' }),
    },
    required: ['name'],
    additionalProperties: false,
  });
});
