import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import { noCallers, type CallersConfig, type OidcCallers } from '#runtime/config/callers-config.ts';
import { createLogger } from '#runtime/logger.ts';
import { ApiServer } from '#test/fakes/api-server.ts';
import { create, identityOf, joinToken, recordOf, type Attempt } from '#test/fakes/certificate-client.ts';
import { KeyServer, sign, signingKey, type SigningKey } from '#test/fakes/key-server.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const folder = mkdtempSync(join(tmpdir(), 'gcl-'));
const jwks = join(folder, 'jwks.json');
const fileIssuer = 'https://cluster.example';
let keys: KeyServer;
let api: ApiServer;
let east: ApiServer;
let running: RunningCa;
let key: SigningKey;

function writeKeys(...all: readonly SigningKey[]): void {
  writeFileSync(jwks, JSON.stringify({ keys: all.map(({ publicKey }) => publicKey) }));
}

beforeAll(async () => {
  [keys, api, east, key] = await Promise.all([
    KeyServer.start(),
    ApiServer.start(),
    ApiServer.start(),
    signingKey('first'),
  ]);
  writeKeys(key);
  keys.keys('/keys', [key]);
  keys.json('/.well-known/openid-configuration', { issuer: keys.url(), jwks_uri: keys.url('/keys') });
  const issuer = (more: Partial<OidcCallers> & { issuer: string }): OidcCallers => ({
    audiences: ['istio-ca', 'garrison'],
    jwks: undefined,
    jwksUri: undefined,
    identity: undefined,
    ...more,
  });
  const callers: CallersConfig = {
    ...noCallers,
    oidc: [
      issuer({ issuer: fileIssuer, jwks }),
      issuer({ issuer: 'https://ci.example', jwksUri: keys.url('/keys'), identity: '/ci/{/repo.name/x~1y}/job-{job}' }),
      issuer({ issuer: keys.url() }),
      issuer({ issuer: 'https://down.example', jwksUri: keys.url('/nothing') }),
      issuer({ issuer: 'https://inside.example', jwksUri: 'http://169.254.169.254/keys' }),
    ],
    kubernetes: [api.review('west', ['istio-ca']), east.review('east', ['istio-ca'])],
    keys: { ...noCallers.keys, allow: ['localhost'] },
  };
  const node = `spec:
  spiffeId: spiffe://example.org/ns/istio-system/sa/ztunnel
  selectors: [ "token:ztunnel" ]
  node: { identities: [ "spiffe://example.org/ns/shop/*", "spiffe://example.org/garrison/*" ] }
`;
  const head =
    'apiVersion: garrison.dev/v1\nkind: Registration\nmetadata: { name: ztunnel, namespace: istio-system }\n';
  running = await runCa({
    settings: { callers },
    policies: { 'node.yaml': head + node, 'cart.yaml': registration('cart', 'cart', ['token:cart']) },
  });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await Promise.all([keys, api, east].map((one) => one[Symbol.asyncDispose]()));
  rmSync(folder, { recursive: true });
});

const now = (): number => Math.floor(Date.now() / 1000);
const good = (): JWTPayload => ({
  iss: fileIssuer,
  sub: 'system:serviceaccount:shop:cart.v1',
  aud: ['istio-ca'],
  exp: now() + 300,
});

const nameOf = async (attempt: Attempt): Promise<string | undefined> =>
  (await create(running, attempt))[0]?.subjectAltName;

/** The one answer to whoever cannot prove itself. */
async function expectRefused(attempt: Attempt): Promise<void> {
  const outcome = create(running, attempt);
  await expect(outcome).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await expect(outcome).rejects.toThrow(/the caller could not be authenticated.*`[0-9a-f]{16}`/);
}

describe('by token of an issuer', () => {
  test('a service account is its identity, and the record says on whose word', async () => {
    const chain = await create(running, { bearer: await sign(key, good()) });
    expect(chain).toHaveLength(3);
    expect(chain[0]?.subjectAltName).toBe('URI:spiffe://example.org/ns/shop/sa/cart.v1');
    expect(await recordOf(running, chain[0]!)).toMatchObject({
      caller: `oidc:${fileIssuer}#system:serviceaccount:shop:cart.v1`,
      grant: `oidc:${fileIssuer}`,
    });
  });

  test('its certificate renews itself', async () => {
    const chain = await create(running, { bearer: await sign(key, good()) });
    const identity = identityOf(chain, parseSpiffeId('spiffe://example.org/ns/shop/sa/cart.v1'));
    expect(await nameOf({ identity })).toBe('URI:spiffe://example.org/ns/shop/sa/cart.v1');
  });

  const claims: [string, Record<string, unknown>][] = [
    ['has expired', { exp: 1 }],
    ['has no end', { exp: undefined }],
    ['is not valid yet', { nbf: now() + 3600 }],
    ['is for another audience', { aud: ['vault'] }],
    ['is for no audience', { aud: undefined }],
    ['is for an empty list of audiences', { aud: [] }],
    ['is of an unknown issuer', { iss: 'https://other.example' }],
    ['is of no issuer', { iss: undefined }],
    ['has no subject', { sub: undefined }],
    ...[
      ['', 'empty'],
      ['system:serviceaccount:shop', 'short'],
      ['system:serviceaccount:shop:cart:x', 'long'],
      ['system:serviceaccount::cart', 'without namespace'],
      ['system:node:shop:cart', 'a node’s'],
      ['system:serviceaccount:shop:../x', 'with dots for a segment'],
      ['system:serviceaccount:shop/sa/x:y', 'with slashes'],
      ['system:serviceaccount:shop:Cart', 'in capital letters'],
      ['system:serviceaccount:shop:cart%2fx', 'percent-encoded'],
      ['system:serviceaccount:shop:cart\n', 'with a line feed'],
      ['system:serviceaccount:shop:cart\0', 'with a NUL'],
    ].map(([sub, how]): [string, Record<string, unknown>] => [`has a subject that is ${how}`, { sub }]),
  ];
  test.each(claims)('not one that %s', async (_, bad) => {
    await expectRefused({ bearer: await sign(key, { ...good(), ...bad }) });
  });

  test('not one that is signed otherwise', async () => {
    const stranger = await signingKey('first');
    const secret = new TextEncoder().encode(JSON.stringify(key.publicKey));
    const signedBy = (header: Record<string, unknown>): Promise<string> =>
      new SignJWT(good()).setProtectedHeader({ alg: 'ES256', ...header }).sign(key.privateKey);
    const [head, payload, signature] = (await sign(key, good())).split('.');
    const bearers = [
      await sign(stranger, good()),
      await signedBy({}),
      await signedBy({ kid: 'another' }),
      await signedBy({ kid: 'first', crit: ['b64'], b64: true }),
      new UnsecuredJWT(good()).encode(),
      await new SignJWT(good()).setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(secret),
      `${head}.${payload}.`,
      `${head}.${payload}.${signature}x`,
      `${head}.${payload}`,
      `${head}.${payload}.${signature}.${signature}`,
      'x',
    ];
    for (const bearer of bearers) await expectRefused({ bearer });
  });

  test('keys in a file are read anew when it changes, and none is known while it cannot be read', async () => {
    const second = await signingKey('second');
    writeKeys(second);
    expect(await nameOf({ bearer: await sign(second, good()) })).toBeDefined();
    await expectRefused({ bearer: await sign(key, good()) });
    writeFileSync(jwks, '{');
    await expectRefused({ bearer: await sign(second, good()) });
    writeKeys(key);
    expect(await nameOf({ bearer: await sign(key, good()) })).toBeDefined();
  });

  test('keys are fetched, discovered, and looked at once more for a key id that nobody has seen', async () => {
    const discovered = { ...good(), iss: keys.url() };
    expect(await nameOf({ bearer: await sign(key, discovered) })).toBe('URI:spiffe://example.org/ns/shop/sa/cart.v1');
    const rotated = await signingKey('rotated');
    keys.keys('/keys', [key, rotated]);
    expect(await nameOf({ bearer: await sign(rotated, discovered) })).toBeDefined();
  });

  test.each(['https://down.example', 'https://inside.example'])('not without keys: %s', async (iss) => {
    await expectRefused({ bearer: await sign(key, { ...good(), iss }) });
  });

  describe('with a template', () => {
    const claimed = (repo: unknown, job: unknown): JWTPayload => ({
      ...good(),
      iss: 'https://ci.example',
      sub: 'whatever',
      job,
      'repo.name': { 'x/y': repo },
    });

    test('claims stand in the path as they are', async () => {
      const bearer = await sign(key, claimed('Shop_1.x', '42'));
      expect(await nameOf({ bearer })).toBe('URI:spiffe://example.org/ci/Shop_1.x/job-42');
    });

    test.each([
      ['..', '1'],
      ['.', '1'],
      ['', '1'],
      ['a/b', '1'],
      ['a%2fb', '1'],
      ['a b', '1'],
      ['ä', '1'],
      [['a'], '1'],
      [undefined, '1'],
      ['a', 1],
      ['a', '\0'],
      ['a', 'x'.repeat(2048)],
    ])('a claim that is no part of a segment is refused, never normalised: %p %p', async (repo, job) => {
      await expectRefused({ bearer: await sign(key, claimed(repo, job)) });
    });
  });
});

describe('by service account token that the API server knows', () => {
  beforeEach(() => {
    api.misbehave = undefined;
    api.account('west-token', 'system:serviceaccount:shop:west', ['istio-ca', 'other']);
    east.account('east-token', 'system:serviceaccount:shop:east', ['istio-ca']);
  });

  test('of the cluster that the caller names', async () => {
    const chain = await create(running, { bearer: 'west-token', headers: { clusterid: 'west' } });
    expect(chain[0]?.subjectAltName).toBe('URI:spiffe://example.org/ns/shop/sa/west');
    expect(await recordOf(running, chain[0]!)).toMatchObject({
      caller: 'kubernetes:west#shop/west',
      grant: 'kubernetes:west',
    });
    expect(api.asked.at(-1)?.body).toMatchObject({ spec: { token: 'west-token', audiences: ['istio-ca'] } });
    expect(await nameOf({ bearer: 'east-token', headers: { clusterid: 'east' } })).toMatch(/east$/);
  });

  test('not of another cluster, nor of one that nobody knows, nor of none', async () => {
    await expectRefused({ bearer: 'west-token', headers: { clusterid: 'east' } });
    await expectRefused({ bearer: 'west-token', headers: { clusterid: 'south' } });
    await expectRefused({ bearer: 'west-token' });
  });

  test.each([
    ['is unknown', { authenticated: false, user: { username: 'system:serviceaccount:shop:west' } }],
    [
      'is for another audience',
      { authenticated: true, audiences: ['vault'], user: { username: 'system:serviceaccount:shop:west' } },
    ],
    ['has no audience', { authenticated: true, user: { username: 'system:serviceaccount:shop:west' } }],
    ['is a person’s', { authenticated: true, audiences: ['istio-ca'], user: { username: 'alice' } }],
    ['is nobody’s', { authenticated: true, audiences: ['istio-ca'] }],
    [
      'is authenticated by text',
      { authenticated: 'true', audiences: ['istio-ca'], user: { username: 'system:serviceaccount:shop:west' } },
    ],
    [
      'has a fault',
      {
        authenticated: true,
        error: 'x',
        audiences: ['istio-ca'],
        user: { username: 'system:serviceaccount:shop:west' },
      },
    ],
  ])('not a token that %s', async (_, status) => {
    api.tokens.set('west-token', status);
    await expectRefused({ bearer: 'west-token', headers: { clusterid: 'west' } });
  });

  test('not while the API server fails, whatever it answers', async () => {
    const answers = [
      (): [number, string] => [500, ''],
      (): [number, string] => [200, ''],
      (): [number, string] => [200, '{'],
      (): [number, string] => [200, '[]'],
      (): [number, string] => [200, JSON.stringify({ kind: 'Status', status: { authenticated: true } })],
      (): [number, string] => [200, `{"kind":"TokenReview","x":"${'x'.repeat(300_000)}"}`],
    ];
    for (const answer of answers) {
      api.misbehave = (response) => {
        const [status, body] = answer();
        response.writeHead(status).end(body);
      };
      await expectRefused({ bearer: 'west-token', headers: { clusterid: 'west' } });
    }
    api.misbehave = (response) => response.destroy();
    await expectRefused({ bearer: 'west-token', headers: { clusterid: 'west' } });
  });

  test('not by an API server that another authority vouches for', async () => {
    const callers = { ...noCallers, kubernetes: [{ ...api.review('west', ['istio-ca']), ca: east.review('', []).ca }] };
    await using fooled = await runCa({ settings: { callers } });
    await expect(create(fooled, { bearer: 'west-token' })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(api.asked.filter(({ authorization }) => authorization === undefined)).toEqual([]);
  });
});

describe('on behalf of another', () => {
  const ztunnel = (ImpersonatedIdentity: unknown): Promise<Attempt> =>
    sign(key, { ...good(), sub: 'system:serviceaccount:istio-system:ztunnel' }).then((bearer) => ({
      bearer,
      metadata: { ImpersonatedIdentity },
    }));

  test('a node gets the identities that its registration names, and the record says so', async () => {
    const wanted = 'spiffe://example.org/ns/shop/sa/reviews';
    const chain = await create(running, await ztunnel(wanted));
    // What ztunnel compares.
    expect(chain[0]?.subjectAltName).toBe(`URI:${wanted}`);
    expect(await recordOf(running, chain[0]!)).toMatchObject({
      caller: `node:spiffe://example.org/ns/istio-system/sa/ztunnel oidc:${fileIssuer}#system:serviceaccount:istio-system:ztunnel`,
      grant: 'impersonation:registration:istio-system/ztunnel',
      spiffeId: wanted,
    });
    const identity = identityOf(chain, parseSpiffeId(wanted));
    await expect(create(running, { identity })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  test.each([
    'spiffe://example.org/ns/bank/sa/reviews',
    'spiffe://example.org/ns/shop',
    'spiffe://example.org/ns/shopping/sa/x',
    'spiffe://other.org/ns/shop/sa/reviews',
    // A wildcard reaches it, and nobody meant that.
    'spiffe://example.org/garrison/ca',
  ])('not %s', async (wanted) => {
    await expect(create(running, await ztunnel(wanted))).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  test.each([
    'spiffe://example.org/ns/shop/../bank/sa/x',
    'spiffe://example.org/ns/shop/%2e%2e/x',
    'reviews',
    1,
    {},
    true,
  ])('what is no identity is a broken request: %p', async (wanted) => {
    await expect(create(running, await ztunnel(wanted))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('nobody else, not even for itself', async () => {
    const ImpersonatedIdentity = 'spiffe://example.org/ns/shop/sa/cart';
    const bearer = await joinToken(running, { name: 'cart' });
    const denied = create(running, { bearer, metadata: { ImpersonatedIdentity } });
    await expect(denied).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(await nameOf({ bearer })).toBe(`URI:${ImpersonatedIdentity}`);
  });
});

describe('through a proxy in front', () => {
  const cart = 'spiffe://example.org/ns/shop/sa/cart';
  const said = { 'x-forwarded-client-cert': `By=x;URI=spiffe://example.org/ns/other/sa/other,URI=${cart}` };

  test('that is believed, its word is the caller’s identity; a token goes before it', async () => {
    const xfcc = { from: ['127.0.0.0/8', '::1'], proxies: [] };
    await using fronted = await runCa({ settings: { callers: { ...noCallers, xfcc } } });
    const [leaf] = await create(fronted, { headers: said });
    expect(leaf?.subjectAltName).toBe(`URI:${cart}`);
    expect(await recordOf(fronted, leaf!)).toMatchObject({ caller: 'xfcc:127.0.0.1', grant: 'xfcc' });
    const outcome = create(fronted, { headers: said, bearer: 'gjt1.x.x' });
    await expect(outcome).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('that is not believed, nobody is anybody', async () => {
    await expectRefused({ headers: said });
  });
});

test('why somebody was refused stands in the log, under the number that the answer names', async () => {
  const lines: string[] = [];
  const logger = createLogger({ write: (line) => lines.push(line) });
  await using logged = await runCa({ logger });
  const refused = await create(logged, { bearer: await sign(key, good()) }).catch((error: unknown) => String(error));
  const request = /`([0-9a-f]{16})`/.exec(String(refused))?.[1];
  const entry = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .find((one) => one['request'] === request);
  expect(entry).toMatchObject({ event: 'caller not authenticated', from: '127.0.0.1' });
  expect(JSON.stringify(entry)).toMatch(/of no known kind/);
  expect(lines.join()).not.toContain((await sign(key, good())).slice(0, 40));
});
