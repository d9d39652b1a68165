import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeReferences } from '#proto/attributes/index.ts';
import type { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { AuthzMesh, ask, checkRequest, decisionOf } from '#test/fakes/authz-mesh.ts';
import { KeyServer, sign, signingKey } from '#test/fakes/key-server.ts';
import type { SigningKey } from '#test/fakes/key-server.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { requestBag } from '#test/fakes/request-bag.ts';

const forever = 4_000_000_000;
let issuer: KeyServer;
let secure: KeyServer;
let mesh: AuthzMesh;
let tool: MixerClient;
let first: SigningKey;
let other: SigningKey;

const policies = (): string => `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec:
  jwtRules:
    - issuer: ${issuer.url()}
      outputClaimToHeaders: [ { header: x-user, claim: sub } ]
    - issuer: https://secure.example
      jwksUri: ${secure.url('/keys')}
    - issuer: https://inside.example
      jwksUri: http://127.0.0.1:${issuer.port}/keys
    - issuer: https://down.example
      jwksUri: ${issuer.url('/down')}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: users, namespace: shop }
spec:
  action: ALLOW
  rules: [ { from: [ { source: { requestPrincipals: [ '*' ] } } ] } ]
`;

beforeAll(async () => {
  const pki = await TestPki.create();
  const { certificates, privateKey } = await pki.identity('spiffe://cluster.local/ns/idp/sa/idp');
  [issuer, secure, first, other] = await Promise.all([
    KeyServer.start(),
    KeyServer.start({ cert: certificates.join('\n'), key: privateKey }),
    signingKey('first'),
    signingKey('other'),
  ]);
  issuer
    .json('/.well-known/openid-configuration', { issuer: issuer.url(), jwks_uri: issuer.url('/keys') })
    .keys('/keys', [first])
    .page('/down', (_, response) => response.destroy());
  secure.keys('/keys', [other]);
  const authorities = path.join(mkdtempSync(path.join(tmpdir(), 'garrison-authorities-')), 'roots.pem');
  writeFileSync(authorities, pki.bundle.join('\n'));
  mesh = await AuthzMesh.start({
    policies: { 'shop.yaml': policies() },
    keys: { allow: ['localhost'], authorities },
    pki,
  });
  tool = await mesh.client();
  await mesh.authz.admin.readiness.ready();
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await Promise.all([issuer[Symbol.asyncDispose](), secure[Symbol.asyncDispose]()]);
  mesh.forget();
});

const withToken = (token?: string) =>
  ask(tool, checkRequest(requestBag(token === undefined ? {} : { headers: [['authorization', `Bearer ${token}`]] })));
const claims = (more: Record<string, unknown> = {}) => ({ iss: issuer.url(), sub: 'alice', exp: forever, ...more });

describe('a token', () => {
  test('is verified with keys that were discovered; it goes, its claims come', async () => {
    const response = await withToken(await sign(first, claims()));
    expect(decisionOf(response)).toMatchObject({ effect: 'allow', policy: 'shop/users' });
    expect(response.precondition?.routeDirective?.requestHeaderOperations).toEqual(
      expect.arrayContaining([
        { name: 'authorization', value: '', operation: 1 },
        { name: 'x-user', value: 'alice', operation: 0 },
      ]),
    );
  });

  test('whose verdict is kept is kept for that token only', async () => {
    const { precondition } = await withToken(await sign(first, claims()));
    expect(precondition).toMatchObject({ validDuration: { nanos: 500_000_000 } });
    expect(decodeReferences(precondition!.referencedAttributes!)).toEqual(
      expect.arrayContaining([
        { name: 'request.headers', key: 'authorization', condition: 'exact' },
        { name: 'request.path', key: undefined, condition: 'exact' },
      ]),
    );
  });

  test('of an issuer behind https with an authority of its own', async () => {
    const response = await withToken(await sign(other, { iss: 'https://secure.example', sub: 'bob', exp: forever }));
    expect(decisionOf(response)).toMatchObject({ effect: 'allow' });
  });

  test('that is absent is no token', async () => {
    const response = await withToken();
    expect(decisionOf(response)).toMatchObject({ effect: 'deny', httpStatus: 403, policy: 'none' });
  });

  test.each<[string, () => Promise<string>]>([
    ['is signed by nobody we know', () => sign({ ...first, privateKey: other.privateKey }, claims())],
    ['has expired', () => sign(first, claims({ exp: 1 }))],
    ['is of an unknown issuer', () => sign(first, claims({ iss: 'https://evil.example' }))],
    ['is rubbish', () => Promise.resolve('rubbish')],
    ['is of an issuer inside that nobody allowed', () => sign(first, claims({ iss: 'https://inside.example' }))],
    ['is of an issuer that is down', () => sign(first, claims({ iss: 'https://down.example' }))],
  ])('that %s is 401 with a challenge, and never shown', async (_, make) => {
    const token = await make();
    const response = await withToken(token);
    const { status, routeDirective } = response.precondition!;
    expect(status?.code).toBe(16);
    expect(decisionOf(response)).toMatchObject({ effect: 'deny', httpStatus: 401, policy: 'shop/tokens' });
    expect(routeDirective?.responseHeaderOperations).toEqual([
      { name: 'www-authenticate', value: expect.stringMatching(/^Bearer/), operation: 0 },
    ]);
    expect(JSON.stringify(response, (__, value: unknown) => (typeof value === 'bigint' ? 0 : value))).not.toContain(
      token,
    );
    expect(mesh.logged.join('')).not.toContain(token);
  });

  test('that cannot be judged for want of keys is asked about again', async () => {
    const response = await withToken(await sign(first, claims({ iss: 'https://down.example' })));
    expect(response.precondition).toMatchObject({ validDuration: { seconds: 0n, nanos: 0 }, validUseCount: 0 });
  });

  test('signed with a new key is good at once; the old key is no longer', async () => {
    const next = await signingKey('next');
    issuer.keys('/keys', [next]);
    expect(decisionOf(await withToken(await sign(next, claims()))).effect).toBe('allow');
    expect(decisionOf(await withToken(await sign(first, claims()))).httpStatus).toBe(401);
  });
});

describe('an issuer that is down', () => {
  test('does not hold up readiness, and is seen in metrics, on the page of keys and in the log', async () => {
    expect((await mesh.admin('/readyz')).status).toBe(200);
    const { text } = await mesh.admin('/keys');
    expect(JSON.parse(text)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ issuer: issuer.url(), fault: null }),
        expect.objectContaining({ issuer: 'https://down.example', keys: null, fault: expect.any(String) }),
        expect.objectContaining({ issuer: 'https://inside.example', keys: null }),
      ]),
    );
    expect((await mesh.admin('/metrics')).text).toMatch(/^garrison_key_issuers_without_keys 2$/m);
    expect(mesh.logged.join('')).toContain('keys cannot be fetched');
  });
});
