import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { AuthzMesh, ask, checkRequest, decisionOf } from '#test/fakes/authz-mesh.ts';
import { KeyServer, sign, signingKey } from '#test/fakes/key-server.ts';
import type { SigningKey } from '#test/fakes/key-server.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { GrpcAuthority, answered } from '#test/fakes/provider-servers.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';

const forever = 4_000_000_000;
const folder = mkdtempSync(path.join(tmpdir(), 'garrison-providers-'));
let grpc: GrpcAuthority;
let near: KeyServer;
let root: KeyServer;
let issuer: KeyServer;
let key: SigningKey;
let mesh: AuthzMesh;
let tool: MixerClient;

const custom = (namespace: string, name: string, at: string, provider: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: ${namespace} }
spec: { action: CUSTOM, provider: { name: ${provider} }, rules: [ { to: [ { operation: { paths: [ '${at}' ] } } ] } ] }
---
`;
const handler = (namespace: string, name: string, check: string): string => `
apiVersion: garrison.dev/v1
kind: Handler
metadata: { name: ${name}, namespace: ${namespace} }
spec: { check: { timeout: 2s, ${check} } }
---
`;
const http = (socket: string): string =>
  `protocol: http, address: 'unix:${path.join(folder, socket)}', headersToUpstreamOnAllow: [x-user, x-tier]`;

const documents = (): string => `${custom('shop', 'by-grpc', '/grpc*', 'grpc')}
${handler('shop', 'grpc', `protocol: grpc, address: 'unix:${path.join(folder, 'grpc.sock')}'`)}
${custom('shop', 'near', '/near*', 'ext')}${handler('shop', 'ext', http('near.sock'))}
${custom('istio-system', 'root', '/root*', 'ext')}${custom('istio-system', 'too', '/near/both', 'ext')}
${handler('istio-system', 'ext', http('root.sock'))}
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { jwtRules: [ { issuer: 'https://idp.example', jwksUri: '${issuer.url('/keys')}', forwardOriginalToken: true } ] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: banned, namespace: shop }
spec: { action: DENY, rules: [ { when: [ { key: 'request.headers[x-user]', values: [ eve ] } ] } ] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: open, namespace: shop }
spec:
  action: ALLOW
  rules:
    - { to: [ { operation: { paths: [ '/near*', '/root*', /grpc/open ] } } ] }
    - { to: [ { operation: { paths: [ /grpc/users ] } } ], from: [ { source: { requestPrincipals: [ 'https://idp.example/ada' ] } } ] }
`;

beforeAll(async () => {
  [grpc, near, root, issuer, key] = await Promise.all([
    GrpcAuthority.start(undefined, `unix:${path.join(folder, 'grpc.sock')}`),
    KeyServer.start(undefined, { path: path.join(folder, 'near.sock') }),
    KeyServer.start(undefined, { path: path.join(folder, 'root.sock') }),
    KeyServer.start(),
    signingKey('first'),
  ]);
  issuer.keys('/keys', [key]);
  mesh = await AuthzMesh.start({
    policies: { 'shop.yaml': documents() },
    keys: { allow: ['localhost'] },
    pki: await TestPki.create(),
  });
  tool = await mesh.client();
  await mesh.authz.admin.readiness.ready();
});
beforeEach(() => [near, root].forEach(({ asked }) => (asked.length = 0)));
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await Promise.all([grpc, near, root, issuer].map((server) => server[Symbol.asyncDispose]()));
  mesh.forget();
});

const request = async (at: string, more: RequestText = {}) =>
  decisionOf(await ask(tool, checkRequest(requestBag({ path: at, ...more }))));

/** What the provider answers from now on: an allow that sets headers. */
function sets(...headers: (readonly [string, string])[]): void {
  const options = headers.map(([name, value]) => ({
    header: { key: name, value, rawValue: Buffer.alloc(0) },
    append: undefined,
    appendAction: 2 as const,
    keepEmptyValue: false,
  }));
  const value = { headers: options, headersToRemove: [], responseHeadersToAdd: [] };
  const queries = { queryParametersToSet: [], queryParametersToRemove: [] };
  grpc.answer = () => answered({ httpResponse: { $case: 'okResponse', value: { ...value, ...queries } } });
}

describe('what a provider sets', () => {
  test('is seen by the rules that come after it', async () => {
    sets(['x-user', 'eve']);
    expect(await request('/grpc/open', { headers: [['x-user', 'ada']] })).toMatchObject({
      effect: 'deny',
      policy: 'shop/banned',
    });
    sets(['x-user', 'ada']);
    expect(await request('/grpc/open', { headers: [['x-user', 'eve']] })).toMatchObject({ effect: 'allow' });
  });

  test('may be a token, which is verified like any other', async () => {
    sets();
    expect(await request('/grpc/users')).toMatchObject({ effect: 'deny', policy: 'none', httpStatus: 403 });
    const claims = { iss: 'https://idp.example', sub: 'ada', exp: forever };
    sets(['authorization', `Bearer ${await sign(key, claims)}`]);
    expect(await request('/grpc/users')).toMatchObject({ effect: 'allow', policy: 'shop/open', rule: 1 });
    sets(['authorization', `Bearer ${await sign(await signingKey('first'), claims)}`]);
    expect(await request('/grpc/users')).toMatchObject({ effect: 'deny', httpStatus: 401 });
  });

  test('in the place of a token that the client sent is what counts', async () => {
    const claims = { iss: 'https://idp.example', sub: 'ada', exp: forever };
    const headers = [['authorization', `Bearer ${await sign(key, claims)}`]] as const;
    sets(['authorization', 'Basic x']);
    expect(await request('/grpc/users', { headers })).toMatchObject({ effect: 'deny', policy: 'none' });
  });

  test('is kept for no other request', async () => {
    sets(['x-user', 'ada']);
    const { precondition } = await ask(tool, checkRequest(requestBag({ path: '/grpc/open' })));
    expect(precondition?.validUseCount).toBe(0);
  });
});

describe('two Handlers of one name', () => {
  test('are two providers: each is asked for the policies that mean it', async () => {
    for (const server of [near, root]) server.page('/near', (_, response) => response.end());
    root.page('/root', (_, response) => response.end());
    expect(await request('/near')).toMatchObject({ effect: 'allow' });
    expect([near.asked, root.asked]).toEqual([['/near'], []]);
    expect(await request('/root')).toMatchObject({ effect: 'allow' });
    expect([near.asked, root.asked]).toEqual([['/near'], ['/root']]);
  });

  test('that both are meant must both allow', async () => {
    near.page('/near/both', (_, response) => response.end());
    root.page('/near/both', (_, response) => response.writeHead(403).end());
    expect(await request('/near/both')).toMatchObject({ effect: 'deny', policy: 'istio-system/too' });
    root.page('/near/both', (_, response) => response.end());
    near.page('/near/both', (_, response) => response.writeHead(403).end());
    expect(await request('/near/both')).toMatchObject({ effect: 'deny', policy: 'shop/near' });
    near.page('/near/both', (_, response) => response.end());
    expect(await request('/near/both')).toMatchObject({ effect: 'allow' });
  });
});
