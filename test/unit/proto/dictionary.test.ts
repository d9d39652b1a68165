import { describe, expect, test } from '@jest/globals';
import { globalIndex, globalWords } from '#proto/attributes/dictionary.ts';

describe('the global dictionary', () => {
  test('has the 222 words of Mixer, each once', () => {
    expect(globalWords).toHaveLength(222);
    expect(globalIndex.size).toBe(222);
  });

  test.each([
    [0, 'source.ip'],
    [44, 'accept-language'],
    [94, "'200'"],
    [111, "'0'"],
    [112, "'1'"],
    [113, 'true'],
    [114, 'false'],
    [134, '0'],
    [135, '1'],
    [136, '200'],
    [218, '"-"'],
    [221, 'context.proxy_version'],
  ])('word %d is %s', (index, word) => {
    expect(globalWords[index]).toBe(word);
    expect(globalIndex.get(word)).toBe(index);
  });
});
