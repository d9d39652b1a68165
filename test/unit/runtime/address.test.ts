import { describe, expect, test } from '@jest/globals';
import { dialable, formatAddress, isLoopback, parseAddress } from '#runtime/address.ts';

describe('addresses', () => {
  test.each(['127.0.0.1:9091', '[::1]:0', 'localhost:65535', 'unix:///run/garrison.sock', 'my-host.example:1'])(
    '`%s` reads and prints as itself',
    (text) => {
      expect(formatAddress(parseAddress(text))).toBe(text);
    },
  );

  test.each([
    '',
    '9091',
    ':9091',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.1:-1',
    '::1:80',
    '[::1]',
    '[a]:1',
    '127.0.0.1:80 ',
    'http://a:1',
    '1.2.3:80',
    '999.0.0.1:80',
    'a..b:',
    'unix:',
    'unix://',
    'unix:/a\0b',
    `unix:/${'x'.repeat(108)}`,
  ])('%j is refused', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test.each([
    ['127.0.0.1:1', true],
    ['127.8.9.1:1', true],
    ['[::1]:1', true],
    ['localhost:1', true],
    ['unix:/x', true],
    ['0.0.0.0:1', false],
    ['[::]:1', false],
    ['10.0.0.1:1', false],
    ['localhost.example:1', false],
    ['[::ffff:127.0.0.1]:1', true],
  ])('`%s` is of this host only: %s', (text, expected) => {
    expect(isLoopback(parseAddress(text))).toBe(expected);
  });

  test('an address that means every address is dialled at loopback', () => {
    expect(formatAddress(dialable(parseAddress('0.0.0.0:5')))).toBe('127.0.0.1:5');
    expect(formatAddress(dialable(parseAddress('[::]:5')))).toBe('[::1]:5');
    expect(formatAddress(dialable(parseAddress('10.0.0.1:5')))).toBe('10.0.0.1:5');
  });
});
