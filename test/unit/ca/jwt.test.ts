import { createPrivateKey, generateKeyPairSync, sign, X509Certificate, type KeyObject } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { toBundleDocument, toJwtBundle } from '#ca/bundle/write-bundle.ts';
import { jwtKeyOf } from '#ca/jwt/jwt-key.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { mintJwt } from '#ca/jwt/mint-jwt.ts';
import { validateJwt } from '#ca/jwt/validate-jwt.ts';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
import { testAuthority } from '#test/fakes/test-authority.ts';

const now = new Date('2030-01-01T00:00:00Z');
const start = now.getTime() / 1000;
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const known = jwtKeyOf(pair.publicKey.export({ format: 'der', type: 'spki' }));
const signer = { kid: known.kid, signer: keySigner(pair.privateKey) };
const id = parseSpiffeId('spiffe://td/ns/a/sa/b');

function validate(token: string, audience = 'db', at = now) {
  const keysOf = (trustDomain: string) => (trustDomain === 'td' ? [known] : undefined);
  return validateJwt({ token, audience, now: at, keysOf });
}

interface Token {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  key?: KeyObject;
  hash?: string;
}

/** A token signed by hand: what jose would refuse to make must be refused too. */
function forge({ header = {}, claims = {}, key = pair.privateKey, hash = 'sha256' }: Token): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const full = { sub: id.toString(), aud: 'db', exp: start + 300, ...claims };
  const signed = `${part({ alg: 'ES256', kid: known.kid, typ: 'JWT', ...header })}.${part(full)}`;
  return `${signed}.${sign(hash, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

describe('a JWT-SVID', () => {
  test('is minted with subject, audience and expiry, and validates', async () => {
    const token = await mintJwt({ id, audience: ['db'], now, seconds: 300 }, signer);
    const [header, claims] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(header ?? '')).toEqual({ alg: 'ES256', kid: known.kid, typ: 'JWT' });
    expect(JSON.parse(claims ?? '')).toEqual({ sub: id.toString(), aud: 'db', iat: start, exp: start + 300 });
    expect((await validate(token)).id.toString()).toBe(id.toString());
  });

  test('may be for several audiences', async () => {
    const token = await mintJwt({ id, audience: ['db', 'cache'], now, seconds: 300 }, signer);
    await validate(token, 'cache');
    await expect(validate(token, 'other')).rejects.toThrow(/`aud`/);
  });

  test.each([[[]], [['']], [['db', '']]])('is not minted for %j', async (audience) => {
    await expect(mintJwt({ id, audience, now, seconds: 300 }, signer)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test('the hand-made one is right, so that each fault below is the only one', async () => {
    expect((await validate(forge({}))).claims).toMatchObject({ sub: id.toString() });
    await validate(forge({ header: { typ: 'JOSE' } }));
    await validate(forge({ header: { typ: undefined } }));
  });

  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const bad: Record<string, string> = {
    'no expiry': forge({ claims: { exp: undefined } }),
    'an expiry that is text': forge({ claims: { exp: 'tomorrow' } }),
    'the past': forge({ claims: { exp: start - 31 } }),
    'a beginning in the future': forge({ claims: { nbf: start + 3600 } }),
    'no subject': forge({ claims: { sub: undefined } }),
    'a subject that is no SPIFFE ID': forge({ claims: { sub: 'Spiffe://td/a' } }),
    'a subject of another trust domain': forge({ claims: { sub: 'spiffe://other/a' } }),
    'no audience': forge({ claims: { aud: undefined } }),
    'an empty list of audiences': forge({ claims: { aud: [] } }),
    'another audience': forge({ claims: { aud: 'cache' } }),
    'alg none': `${forge({ header: { alg: 'none' } })
      .split('.')
      .slice(0, 2)
      .join('.')}.AA`,
    HMAC: forge({ header: { alg: 'HS256' } }),
    EdDSA: forge({ header: { alg: 'EdDSA' } }),
    'no kid': forge({ header: { kid: undefined } }),
    'an unknown kid': forge({ header: { kid: 'x' } }),
    'another type': forge({ header: { typ: 'at+jwt' } }),
    'a header parameter beyond the three': forge({ header: { jku: 'https://evil' } }),
    crit: forge({ header: { crit: ['exp'] } }),
    'a signature of another key': forge({ key: stranger }),
    'no signature': forge({}).replace(/\.[^.]*$/, '.'),
    'five parts': `${forge({})}.a.b`,
    'JSON form': JSON.stringify({ payload: 'a', signatures: [] }),
    'a byte changed': forge({}).replace(/^(.{60})./, (_, head: string) => `${head}_`),
    nothing: '',
    'a megabyte': 'a'.repeat(1 << 20),
  };
  test.each(Object.entries(bad))('with %s is refused', async (_, token) => {
    await expect(validate(token)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('is not validated for nobody', async () => {
    await expect(validate(forge({}), '')).rejects.toThrow(/audience/);
  });

  test('has a leeway of half a minute', async () => {
    const at = new Date(now.getTime() + 300_000 + 29_000);
    await validate(forge({}), 'db', at);
    await expect(validate(forge({}), 'db', new Date(at.getTime() + 2000))).rejects.toThrow(/expired/);
  });
});

describe('the bundle document', () => {
  test('holds roots and JWT keys as the standard asks', async () => {
    const { root } = await testAuthority(now);
    const bundle = {
      trustDomain: parseTrustDomain('td'),
      roots: [root.der],
      jwtKeys: [known],
      sequence: 7,
      refreshHintSeconds: 300,
    };
    const document = toBundleDocument(bundle) as { keys: Record<string, unknown>[] };
    expect(document).toMatchObject({ spiffe_sequence: 7, spiffe_refresh_hint: 300 });
    const [x509, jwt] = document.keys;
    expect(x509).toMatchObject({ kty: 'EC', crv: 'P-256', use: 'x509-svid' });
    expect(x509).not.toHaveProperty('kid');
    const [der] = x509?.['x5c'] as string[];
    expect(new X509Certificate(Buffer.from(der ?? '', 'base64')).ca).toBe(true);
    expect(jwt).toEqual({ ...pair.publicKey.export({ format: 'jwk' }), kid: known.kid, use: 'jwt-svid' });
    expect(toJwtBundle(bundle)).toEqual({ keys: [jwt] });
  });

  test('never holds a private part', () => {
    const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
    expect(createPrivateKey(pair.privateKey.export({ format: 'pem', type: 'pkcs8' })).type).toBe('private');
    expect(JSON.stringify(toJwtBundle({ jwtKeys: [jwtKeyOf(spki)] }))).not.toMatch(/"d"/);
  });
});
