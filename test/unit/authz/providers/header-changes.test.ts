import { describe, expect, test } from '@jest/globals';
import type { HeaderValueOption } from '#proto/gen/envoy/config/core/v3/base.ts';
import { requestChanges, responseChanges } from '#services/authz/providers/header-changes.ts';

const option = (key: string, value: string, more: Partial<HeaderValueOption> = {}): HeaderValueOption => ({
  header: { key, value, rawValue: Buffer.alloc(0) },
  append: undefined,
  appendAction: 0,
  keepEmptyValue: false,
  ...more,
});
const present = (name: string): boolean => name === 'x-here';
const shown = (options: HeaderValueOption[]) =>
  requestChanges(options, [], present)?.map(({ name, value, operation }) => [name, value, operation]);

describe('headers that an answer sets on the request', () => {
  test.each<[string, HeaderValueOption, unknown[]]>([
    ['without an action replaces', option('X-Here', 'a'), [['x-here', 'a', 0]]],
    ['appends in the former way', option('x-here', 'a', { append: true }), [['x-here', 'a', 2]]],
    ['replaces in the former way', option('x-here', 'a', { append: false, appendAction: 1 }), [['x-here', 'a', 0]]],
    ['is added where it is absent', option('x-new', 'a', { appendAction: 1 }), [['x-new', 'a', 0]]],
    ['is not added where it is present', option('x-here', 'a', { appendAction: 1 }), []],
    ['overwrites', option('x-new', 'a', { appendAction: 2 }), [['x-new', 'a', 0]]],
    ['overwrites what is there', option('x-here', 'a', { appendAction: 3 }), [['x-here', 'a', 0]]],
    ['does not overwrite what is not', option('x-new', 'a', { appendAction: 3 }), []],
    ['is dropped when empty', option('x-here', ''), []],
    ['is kept empty when asked', option('x-here', '', { keepEmptyValue: true }), [['x-here', '', 0]]],
    [
      'may be octets',
      option('x-here', '', { header: { key: 'x-here', value: '', rawValue: Buffer.from([0xe9]) } }),
      [['x-here', 'é', 0]],
    ],
  ])('one that %s', (_, given, expected) => {
    expect(shown([given])).toEqual(expected);
  });

  test.each([
    ...['', ':path', ':method', 'host', 'Host', 'content-length', 'Transfer-Encoding', 'connection', 'upgrade', 'te'],
    ...['x y', 'x\r\ny', 'é', 'x:y'],
  ])('%j is no header that may be set or removed', (name) => {
    expect(shown([option(name, 'a')])).toBeUndefined();
    expect(requestChanges([], [name], present)).toBeUndefined();
    expect(responseChanges([option(name, 'a')])).toBeUndefined();
  });

  test.each(['a\r\nb', 'a\nb', 'a\0b', '\u0100'])('%j is no value', (value) => {
    expect(shown([option('x-a', value)])).toBeUndefined();
  });
});
