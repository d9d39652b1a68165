import { describe, expect, test } from '@jest/globals';
import { headerWithoutSecrets, redacted, withoutSecrets } from '#services/telemetry/report/credentials.ts';

describe('headers', () => {
  test.each([
    'authorization',
    'Authorization',
    'proxy-authorization',
    'cookie',
    'Set-Cookie',
    'x-api-key',
    'x-auth-token',
  ])('%s is a credential', (name) => expect(headerWithoutSecrets(name, 's3cret')).toBe(redacted));

  test('a scheme and its secret are one under any name', () => {
    expect(headerWithoutSecrets('x-original-auth', 'Bearer abc.def')).toBe(redacted);
    expect(headerWithoutSecrets('x-anything', 'basic dXNlcjpwdw==')).toBe(redacted);
  });

  test('others stand as they are', () => {
    expect(headerWithoutSecrets('end-user', 'jason')).toBe('jason');
    expect(headerWithoutSecrets('x-note', 'basically harmless')).toBe('basically harmless');
  });

  test('URLs in headers lose their secrets only', () => {
    expect(headerWithoutSecrets('referer', 'https://me:pw@shop.example/a?token=1&b=2')).toBe(
      `https://${redacted}@shop.example/a?token=${redacted}&b=2`,
    );
  });
});

describe('paths', () => {
  test.each([
    ['/a?access_token=abc&x=1', `/a?access_token=${redacted}&x=1`],
    ['/a?x=1&API_KEY=abc', `/a?x=1&API_KEY=${redacted}`],
    ['/a?access%5Ftoken=abc', `/a?access%5Ftoken=${redacted}`],
    ['/a?x=1;password=abc', `/a?x=1;password=${redacted}`],
    ['/a#id_token=abc', `/a#id_token=${redacted}`],
    ['/a?token=', `/a?token=${redacted}`],
    ['/a?bad%ZZ=1&sig=2', `/a?bad%ZZ=1&sig=${redacted}`],
    ['/a?tokens=abc', '/a?tokens=abc'],
    ['/token=abc', '/token=abc'],
    ['/plain', '/plain'],
    ['/@me', '/@me'],
  ])('%s', (path, kept) => expect(withoutSecrets(path)).toBe(kept));
});
