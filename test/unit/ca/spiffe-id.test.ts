import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parseSpiffeId, parseTrustDomain, principalOf, serviceAccountId, serviceAccountOf } from '#ca/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';

interface IdVector {
  readonly id: string;
  readonly valid: boolean;
  readonly trustDomain?: string;
  readonly path?: string;
  readonly rule?: string;
}

function vectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../../ca/vectors/${name}`, import.meta.url), 'utf8'));
}

function errorOf(act: () => unknown): GarrisonError {
  try {
    act();
  } catch (error) {
    if (error instanceof GarrisonError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('parseSpiffeId', () => {
  const { ids } = vectors('spiffe-ids.json') as { ids: IdVector[] };

  test.each(ids.filter((v) => v.valid))('accepts $id', ({ id, trustDomain, path }) => {
    const parsed = parseSpiffeId(id);
    expect(parsed.trustDomain).toBe(trustDomain);
    expect(parsed.path).toBe(path);
    expect(parsed.toString()).toBe(id);
    expect(JSON.stringify({ parsed })).toBe(JSON.stringify({ parsed: id }));
  });

  test.each(ids.filter((v) => !v.valid))('refuses $id by $rule', ({ id }) => {
    const error = errorOf(() => parseSpiffeId(id));
    expect(error.code).toBe('INVALID_ARGUMENT');
    // Whatever came in, one short line without control characters goes out.
    expect(error.describe()).toMatch(/^[^\p{Cc}]{1,400}$/u);
  });

  test('both lists were read', () => {
    expect(ids.filter((v) => v.valid).length).toBeGreaterThan(15);
    expect(ids.filter((v) => !v.valid).length).toBeGreaterThan(60);
  });

  test('says what is wrong', () => {
    expect(errorOf(() => parseSpiffeId('spiffe://a.org/b?c')).message).toBe(
      'SPIFFE ID `spiffe://a.org/b?c` has a query',
    );
    expect(errorOf(() => parseSpiffeId('Spiffe://a.org')).describe()).toBe(
      'SPIFFE ID `Spiffe://a.org` has a scheme with capital letters; write `spiffe://`',
    );
    expect(errorOf(() => parseSpiffeId('a.org/x')).message).toBe('SPIFFE ID `a.org/x` does not start with `spiffe://`');
  });
});

describe('parseTrustDomain', () => {
  const { trustDomains } = vectors('trust-domains.json') as { trustDomains: { name: string; valid: boolean }[] };

  test.each(trustDomains)('$name: $valid', ({ name, valid }) => {
    if (valid) expect(parseTrustDomain(name)).toBe(name);
    else expect(errorOf(() => parseTrustDomain(name)).code).toBe('INVALID_ARGUMENT');
  });
});

describe('service accounts', () => {
  test('only the five-part shape names one', () => {
    const of = (path: string): unknown => serviceAccountOf(parseSpiffeId(`spiffe://td${path}`));
    expect(of('/ns/shop/sa/cart')).toEqual({ namespace: 'shop', serviceAccount: 'cart' });
    for (const path of [
      '',
      '/ns/shop',
      '/ns/shop/sa',
      '/ns/shop/sa/cart/x',
      '/x/ns/shop/sa/cart',
      '/sa/a/ns/b',
      '/NS/a/sa/b',
    ]) {
      expect(of(path)).toBeUndefined();
    }
  });

  test('one is spelled in one way, and never from parts that hold a slash', () => {
    const td = parseTrustDomain('td');
    const id = serviceAccountId(td, 'shop', 'cart');
    expect(id.toString()).toBe('spiffe://td/ns/shop/sa/cart');
    expect(principalOf(id)).toBe('td/ns/shop/sa/cart');
    for (const [ns, sa] of [
      ['a/b', 'c'],
      ['a', 'b/sa/c'],
      ['..', 'a'],
      ['', 'a'],
      ['a', '%2e'],
    ] as const) {
      expect(errorOf(() => serviceAccountId(td, ns, sa)).code).toBe('INVALID_ARGUMENT');
    }
  });
});
