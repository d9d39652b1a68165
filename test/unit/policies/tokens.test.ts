import { beforeAll, describe, expect, test } from '@jest/globals';
import { CompactSign, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { compile, decide, gatherEvidence, inlineKeysOnly } from '#policies/index.ts';
import type { KeySource, Verdict } from '#policies/index.ts';
import type { Document, JwtRule } from '#policies/documents/model.ts';
import { jwtRule, policy, policySet, requestAuthentication } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';

const nowMs = Date.parse('2026-05-01T12:00:00Z');
const now = nowMs / 1000;

interface Issuer {
  name: string;
  privateKey: CryptoKey;
  jwk: JWK;
}

async function makeIssuer(name: string, alg: string): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { name, privateKey, jwk: { ...(await exportJWK(publicKey)), kid: `${name}-1`, alg } };
}

let a: Issuer;
let b: Issuer;
beforeAll(async () => {
  a = await makeIssuer('a', 'ES256');
  b = await makeIssuer('b', 'RS256');
});

function sign(
  issuer: Issuer,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT({ iss: issuer.name, sub: 'u', exp: now + 600, ...claims })
    .setProtectedHeader({ alg: issuer.jwk.alg ?? '', kid: issuer.jwk.kid ?? '', ...header })
    .sign(issuer.privateKey);
}

function ruleFor(issuer: Issuer, more: Partial<JwtRule> = {}): JwtRule {
  return jwtRule({ issuer: issuer.name, jwks: JSON.stringify({ keys: [issuer.jwk] }), ...more });
}

async function ask(
  rules: readonly JwtRule[],
  request: RequestText,
  others: readonly Document[] = [],
  keys: KeySource = inlineKeysOnly,
): Promise<Verdict> {
  const program = compile(policySet([requestAuthentication('jwt', rules), ...others]), 1);
  const bag = requestBag(request);
  const evidence = await gatherEvidence(program, bag, {
    keys,
    nowMs,
    ask: () => Promise.reject(new Error('no provider')),
  });
  return decide(program, bag, evidence);
}

const bearer = (token: string): [string, string] => ['authorization', `Bearer ${token}`];
const onlyU = policy('only-u', 'ALLOW', [{ from: [{ requestPrincipals: ['a/u'] }] }]);

describe('one rule', () => {
  test('a good token speaks for the request and is taken out', async () => {
    const verdict = await ask([ruleFor(a)], { headers: [bearer(await sign(a))] }, [onlyU]);
    expect(verdict).toMatchObject({ effect: 'allow', policy: 'shop/only-u' });
    expect([...(verdict.upstream?.headers ?? [])]).toEqual([['authorization', undefined]]);
  });

  test('no token passes without a principal', async () => {
    expect(await ask([ruleFor(a)], {})).toMatchObject({ effect: 'allow' });
    expect(await ask([ruleFor(a)], {}, [onlyU])).toMatchObject({ effect: 'deny', status: 403 });
  });

  test('a required token that is absent is 401', async () => {
    const verdict = await ask([ruleFor(a, { presence: 'REQUIRED' })], {});
    expect(verdict).toMatchObject({ effect: 'deny', status: 401, policy: 'shop/jwt', challenge: 'Bearer' });
  });

  test.each<[string, Record<string, unknown>, number]>([
    ['expired', { exp: now - 61 }, 401],
    ['expired within the skew', { exp: now - 59 }, 200],
    ['not valid yet', { nbf: now + 61 }, 401],
    ['of an unknown issuer', { iss: 'c' }, 401],
    ['with an object for audience', { aud: { x: 1 } }, 401],
    ['for another audience', { aud: ['other'] }, 403],
    ['for our audience', { aud: ['other', 'us'] }, 200],
  ])('a token %s', async (_, claims, status) => {
    const audiences = 'aud' in claims ? ['us'] : [];
    const verdict = await ask([ruleFor(a, { audiences })], { headers: [bearer(await sign(a, claims))] });
    expect(verdict.status).toBe(status);
  });

  test.each(['x', 'a.b.c', '..', 'e30.e30.AA', 'eyJhbGciOiJub25lIn0.e30.', 'eyJhbGciOiJub25lIn0.e30.AA'])(
    'rubbish is 401: %s',
    async (token) => {
      expect((await ask([ruleFor(a)], { headers: [bearer(token)] })).status).toBe(401);
    },
  );

  test('a token signed with the public key as a secret is 401', async () => {
    const secret = new TextEncoder().encode(JSON.stringify(b.jwk));
    const token = await new SignJWT({ iss: 'b', sub: 'u' }).setProtectedHeader({ alg: 'HS256' }).sign(secret);
    expect((await ask([ruleFor(b)], { headers: [bearer(token)] })).status).toBe(401);
  });

  test('duplicate members and endless nesting are 401', async () => {
    for (const payload of [
      `{"iss":"a","sub":"u","\\u0073ub":"v"}`,
      `{"iss":"a","x":${'['.repeat(1001)}${']'.repeat(1001)}}`,
    ]) {
      const token = await new CompactSign(new TextEncoder().encode(payload))
        .setProtectedHeader({ alg: 'ES256', kid: 'a-1' })
        .sign(a.privateKey);
      expect((await ask([ruleFor(a)], { headers: [bearer(token)] })).status).toBe(401);
    }
  });

  test('keys that must not be used are not used', async () => {
    const token = await sign(a);
    for (const change of [{ use: 'enc' }, { d: 'AA' }, { kid: 'other' }, { alg: 'RS256' }]) {
      const jwks = JSON.stringify({ keys: [{ ...a.jwk, ...change }] });
      expect((await ask([ruleFor(a, { jwks })], { headers: [bearer(token)] })).status).toBe(401);
    }
  });

  test('one bad of two tokens in its places is 401', async () => {
    const request = { path: `/?access_token=${await sign(b)}`, headers: [bearer(await sign(a))] };
    expect((await ask([ruleFor(a)], request)).status).toBe(401);
  });

  test('a preflight carries no token and needs none; without Origin it is no preflight', async () => {
    const headers: [string, string][] = [
      ['access-control-request-method', 'PUT'],
      ['origin', 'https://x'],
      bearer('bad'),
    ];
    expect((await ask([ruleFor(a)], { method: 'OPTIONS', headers })).status).toBe(200);
    expect(
      (await ask([ruleFor(a)], { method: 'OPTIONS', headers: headers.slice(0, 1).concat([bearer('bad')]) })).status,
    ).toBe(401);
  });

  test('claims go into headers, and nobody else may send those', async () => {
    const rule = ruleFor(a, {
      outputPayloadToHeader: 'X-Payload',
      outputClaimToHeaders: [
        { header: 'x-sub', claim: 'sub' },
        { header: 'x-level', claim: 'deep.level' },
        { header: 'x-list', claim: 'list' },
      ],
    });
    const token = await sign(a, { deep: { level: 3 }, list: ['x'] });
    const forged: [string, string][] = [
      ['x-sub', 'admin'],
      ['x-list', 'y'],
    ];
    const headers = (await ask([rule], { headers: [bearer(token), ...forged] })).upstream?.headers;
    expect(headers?.get('x-sub')).toBe('u');
    expect(headers?.get('x-level')).toBe('3');
    expect(headers?.get('x-payload')).toBe(token.split('.')[1]);
    expect(headers?.has('x-list') === true && headers.get('x-list') === undefined).toBe(true);
    const admins = policy('no-admin', 'DENY', [{ when: [{ key: 'request.headers[x-sub]', values: ['admin'] }] }]);
    const anonymous = await ask([rule], { headers: forged }, [admins]);
    expect(anonymous.effect).toBe('allow');
    expect(anonymous.upstream?.headers.has('x-sub')).toBe(true);
    const split = await sign(a, { sub: 'u\r\nx: y' });
    expect((await ask([rule], { headers: [bearer(split)] })).status).toBe(401);
  });

  test.each(['x_user-id', 'x-user_id', 'X_User-Id', 'x_user_id', 'x-user-id'])(
    'a header that a rule writes is taken away in the spelling in which it came: %s',
    async (name) => {
      const rule = ruleFor(a, { outputClaimToHeaders: [{ header: 'X-User_Id', claim: 'sub' }] });
      const roots = policy('no-root', 'DENY', [{ when: [{ key: 'request.headers[x-user-id]', values: ['root'] }] }]);
      for (const others of [[], [bearer(await sign(a))]] as [string, string][][]) {
        const { effect, upstream } = await ask([rule], { headers: [...others, [name, 'root']] }, [roots]);
        expect(effect).toBe('allow');
        const lower = name.toLowerCase();
        expect(upstream?.headers.has(lower)).toBe(true);
        expect(upstream?.headers.get(lower)).toBe(others.length > 0 && lower === 'x-user_id' ? 'u' : undefined);
      }
      const harmless = await ask([rule], { headers: [['x-user', 'root']] });
      expect(harmless.upstream?.headers.has('x-user')).toBe(false);
    },
  );

  test('tokens are found in headers, parameters and cookies, and only where the rule says', async () => {
    const token = await sign(a);
    const rule = ruleFor(a, {
      fromHeaders: [{ name: 'X-Token', prefix: 'T ' }],
      fromParams: ['t'],
      fromCookies: ['c'],
    });
    const ok = async (request: RequestText): Promise<string> => (await ask([rule], request, [onlyU])).effect;
    expect(await ok({ headers: [['x-token', `T ${token}`]] })).toBe('allow');
    expect(await ok({ headers: [['x-token', token]] })).toBe('deny');
    expect(await ok({ headers: [bearer(token)] })).toBe('deny');
    expect(await ok({ headers: [['cookie', `x=1; c=${token}`]] })).toBe('allow');
    const verdict = await ask([rule], { path: `/p?a=1&t=${token}&b=2` }, [onlyU]);
    expect(verdict).toMatchObject({ effect: 'allow', upstream: { path: '/p?a=1&b=2' } });
  });

  test('keys that are fetched: rotation is seen once, failure closes', async () => {
    const asked: (string | undefined)[] = [];
    const keys: KeySource = {
      keysFor: (_, kid) => {
        asked.push(kid);
        return Promise.resolve({ keys: kid === undefined ? [{ ...a.jwk, kid: 'old' }] : [a.jwk] });
      },
    };
    const rule = ruleFor(a, { jwks: undefined, jwksUri: 'https://a/keys' });
    expect((await ask([rule], { headers: [bearer(await sign(a))] }, [], keys)).status).toBe(200);
    expect(asked).toEqual([undefined, 'a-1']);
    expect((await ask([rule], { headers: [bearer(await sign(a))] })).status).toBe(401);
  });

  test('scope is a list', async () => {
    const scope = policy('s', 'ALLOW', [{ when: [{ key: 'request.auth.claims[scope]', values: ['write'] }] }]);
    const token = await sign(a, { scope: 'read write' });
    expect((await ask([ruleFor(a)], { headers: [bearer(token)] }, [scope])).effect).toBe('allow');
  });
});

describe('several rules', () => {
  test('a token of either issuer is good', async () => {
    for (const issuer of [a, b]) {
      expect((await ask([ruleFor(a), ruleFor(b)], { headers: [bearer(await sign(issuer))] })).status).toBe(200);
    }
  });

  test('two good tokens pass, and none speaks for the request', async () => {
    const request = { path: `/?access_token=${await sign(b)}`, headers: [bearer(await sign(a))] };
    expect((await ask([ruleFor(a), ruleFor(b)], request)).status).toBe(200);
    expect(await ask([ruleFor(a), ruleFor(b)], request, [onlyU])).toMatchObject({ status: 403, policy: 'none' });
  });

  test('a good token in one place outweighs a bad one in a place of another rule', async () => {
    const rules = [ruleFor(a), ruleFor(b, { fromHeaders: [{ name: 'x-b', prefix: '' }] })];
    expect((await ask(rules, { headers: [bearer(await sign(a)), ['x-b', 'bad']] })).status).toBe(200);
    expect((await ask(rules, { headers: [['x-b', 'bad']] })).status).toBe(401);
  });
});

test('where nobody looked at a token, the request is refused', async () => {
  const program = compile(policySet([requestAuthentication('jwt', [ruleFor(a)])]), 1);
  const bag = requestBag({ headers: [bearer(await sign(a))] });
  expect(decide(program, bag)).toMatchObject({ effect: 'deny', status: 401, reason: 'the token was not verified' });
});
