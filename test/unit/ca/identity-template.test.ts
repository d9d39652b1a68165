import { describe, expect, test } from '@jest/globals';
import { fillIdentityTemplate, readIdentityTemplate } from '#ca/identity-template.ts';
import { parseTrustDomain } from '#ca/spiffe-id.ts';

describe('a template', () => {
  test.each(['/ci/{sub}', '/ci/a-{/a/b~1c}.x/{d}', '/ci/{a}{b}'])('%s', (text) => {
    const claims = { sub: 's', a: { 'b/c': 'd' }, d: 'D' };
    const template = readIdentityTemplate(text);
    expect(template.text).toBe(text);
    if (text !== '/ci/{a}{b}') {
      expect(fillIdentityTemplate(template, claims, parseTrustDomain('td')).toString()).toMatch(/^spiffe:\/\/td\/ci\//);
    }
  });

  test.each([
    '',
    '/ci/x',
    '{sub}',
    '/{sub}',
    '/{sub}/x',
    'ci/{sub}',
    '/ci/{}',
    '/ci/{sub',
    '/ci/{sub}}',
    '/ci//{sub}',
    '/ci/../{sub}',
    '/ci/{sub}/',
    '/garrison/{sub}',
    '/ci/ä/{sub}',
    '/ci/{{sub}}',
  ])('not %p', (text) => {
    expect(() => readIdentityTemplate(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('members of a prototype are no claims', () => {
    const template = readIdentityTemplate('/ci/{/constructor/name}');
    expect(() => fillIdentityTemplate(template, {}, parseTrustDomain('td'))).toThrow();
  });
});
