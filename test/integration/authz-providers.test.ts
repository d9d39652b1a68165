import { ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { AuthzMesh, ask, checkRequest, decisionOf } from '#test/fakes/authz-mesh.ts';
import { KeyServer } from '#test/fakes/key-server.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { GrpcAuthority, answered, never } from '#test/fakes/provider-servers.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';

let grpc: GrpcAuthority;
let tls: GrpcAuthority;
let http: KeyServer;
let mesh: AuthzMesh;
let tool: MixerClient;

const custom = (name: string, path: string, provider: string): string => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  action: CUSTOM
  provider: { name: ${provider} }
  rules: [ { to: [ { operation: { paths: [ '${path}' ] } } ] } ]
---
`;
const handler = (name: string, check: string, namespace = 'shop'): string => `
apiVersion: garrison.dev/v1
kind: Handler
metadata: { name: ${name}, namespace: ${namespace} }
spec: { check: ${check} }
---
`;

const documents = (): string =>
  [
    custom('by-grpc', '/grpc*', 'grpc'),
    handler(
      'grpc',
      `{ protocol: grpc, address: '127.0.0.1:${grpc.port}', timeout: 2s, contextExtensions: { mesh: a } }`,
    ),
    custom('by-tls', '/tls*', 'tls'),
    handler(
      'tls',
      `{ protocol: grpc, address: 'localhost:${tls.port}', timeout: 2s, tls: { spiffeId: 'spiffe://cluster.local/ns/ext/sa/authority' } }`,
    ),
    custom('by-wrong-tls', '/wrong-tls*', 'wrong-tls'),
    handler(
      'wrong-tls',
      `{ protocol: grpc, address: 'localhost:${tls.port}', timeout: 2s, tls: { spiffeId: 'spiffe://cluster.local/ns/ext/sa/other' } }`,
    ),
    custom('by-http', '/http*', 'http'),
    handler(
      'http',
      `{ protocol: http, address: '127.0.0.1:${http.port}', timeout: 2s, pathPrefix: /check, includeRequestHeadersInCheck: [ x-tenant, 'x-b-*' ], headersToUpstreamOnAllow: [ x-user ], headersToDownstreamOnDeny: [ x-why ] }`,
    ),
    custom('hasty', '/hasty*', 'hasty'),
    handler('hasty', `{ protocol: grpc, address: '127.0.0.1:${grpc.port}', timeout: 50ms, statusOnError: 503 }`),
    custom('lenient', '/lenient*', 'lenient'),
    handler('lenient', `{ protocol: http, address: '127.0.0.1:${http.port}', timeout: 50ms, failureMode: allow }`),
    custom('dead', '/dead*', 'dead'),
    handler('dead', `{ protocol: grpc, address: '127.0.0.1:1', timeout: 2s }`, 'istio-system'),
    custom('unknown', '/unknown*', 'nobody'),
    custom('both-a', '/both*', 'grpc'),
    custom('both-b', '/both*', 'http'),
  ].join('');

beforeAll(async () => {
  const pki = await TestPki.create();
  const { certificates, privateKey, bundle } = await pki.identity('spiffe://cluster.local/ns/ext/sa/authority');
  const pair = { cert_chain: Buffer.from(certificates.join('\n')), private_key: Buffer.from(privateKey) };
  [grpc, tls, http] = await Promise.all([
    GrpcAuthority.start(),
    GrpcAuthority.start(ServerCredentials.createSsl(Buffer.from(bundle.join('\n')), [pair], true)),
    KeyServer.start(),
  ]);
  mesh = await AuthzMesh.start({ policies: { 'shop.yaml': documents() }, pki });
  tool = await mesh.client();
  await mesh.authz.admin.readiness.ready();
});
beforeEach(() => {
  grpc.answer = () => answered({});
  grpc.asked.length = 0;
  http.asked.length = 0;
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  await Promise.all([grpc, tls, http].map((server) => server[Symbol.asyncDispose]()));
  mesh.forget();
});

const request = (path: string, more: RequestText = {}) => ask(tool, checkRequest(requestBag({ path, ...more })));
const status = (code: number) => ({ code, message: '', details: [] });
const header = (key: string, value: string, more = {}) => ({
  header: { key, value, rawValue: Buffer.alloc(0) },
  append: undefined,
  appendAction: 0 as const,
  keepEmptyValue: false,
  ...more,
});

describe('a provider that speaks ext_authz', () => {
  test('is asked only about what its rules match, and told all about it', async () => {
    expect(decisionOf(await request('/elsewhere')).effect).toBe('allow');
    expect(grpc.asked).toHaveLength(0);
    await request('/grpc/a?b=c', {
      principal: 'cluster.local/ns/shop/sa/web',
      ip: [10, 0, 0, 7],
      headers: [
        ['x-role', 'user'],
        ['x-role', 'admin'],
      ],
    });
    const { attributes } = grpc.asked[0]!;
    expect(attributes).toMatchObject({
      source: {
        principal: 'spiffe://cluster.local/ns/shop/sa/web',
        address: { address: { value: { address: '10.0.0.7' } } },
      },
      request: { http: { method: 'GET', path: '/grpc/a?b=c', host: 'cart.shop.svc' } },
    });
    expect(attributes!.contextExtensions).toEqual(new Map([['mesh', 'a']]));
    expect(attributes!.request!.http!.headers.get('x-role')).toBe('user,admin');
    const one = attributes!.request!.http!.headerMap!.headers.filter(({ key }) => key === 'x-role');
    expect(one.map(({ rawValue }) => rawValue.toString())).toEqual(['user', 'admin']);
  });

  test('changes headers of what it allows', async () => {
    grpc.answer = () =>
      answered({
        httpResponse: {
          $case: 'okResponse',
          value: {
            headers: [header('X-User', 'alice'), header('x-list', 'b', { append: true }), header('x-user', 'bob')],
            headersToRemove: ['cookie'],
            responseHeadersToAdd: [header('set-cookie', 'a=b')],
            queryParametersToSet: [],
            queryParametersToRemove: [],
          },
        },
      });
    const { precondition } = await request('/grpc');
    expect(precondition?.status?.code).toBe(0);
    expect(precondition?.validUseCount).toBe(0);
    expect(precondition?.routeDirective).toMatchObject({
      requestHeaderOperations: [
        { name: 'cookie', operation: 1 },
        { name: 'x-user', value: 'alice', operation: 0 },
        { name: 'x-list', value: 'b', operation: 2 },
        { name: 'x-user', value: 'bob', operation: 2 },
      ],
      responseHeaderOperations: [{ name: 'set-cookie', value: 'a=b', operation: 2 }],
    });
  });

  test('refuses in its own words', async () => {
    const unfit = [header('content-length', '3'), header('x-a', 'b\r\nx-admin: true')];
    const headers = [header('location', 'https://login.example/'), ...unfit];
    grpc.answer = () =>
      answered({
        status: status(16),
        httpResponse: { $case: 'deniedResponse', value: { status: { code: 302 }, headers, body: 'log in' } },
      });
    const response = await request('/grpc');
    expect(decisionOf(response)).toMatchObject({ effect: 'deny', policy: 'shop/by-grpc', httpStatus: 302 });
    expect(response.precondition?.routeDirective).toMatchObject({
      directResponseCode: 302,
      directResponseBody: 'log in',
      responseHeaderOperations: [{ name: 'location', value: 'https://login.example/' }],
    });
  });

  const ok = (value: object) =>
    answered({
      httpResponse: {
        $case: 'okResponse',
        value: {
          headers: [],
          headersToRemove: [],
          responseHeadersToAdd: [],
          queryParametersToSet: [],
          queryParametersToRemove: [],
          ...value,
        },
      },
    });
  const denied = { status: undefined, headers: [], body: '' };
  test.each<[string, () => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['bytes that are no message', () => Buffer.from('0affffffff', 'hex')],
    ['yes and no', () => answered({ httpResponse: { $case: 'deniedResponse', value: denied } })],
    ['that it failed', () => answered({ httpResponse: { $case: 'errorResponse', value: denied } })],
    ['another path', () => ok({ headers: [header(':path', '/admin')] })],
    ['another host', () => ok({ headers: [header('Host', 'other')] })],
    ['a header that is two', () => ok({ headers: [header('x-a', 'b\r\nx-admin: true')] })],
    ['framing', () => ok({ headersToRemove: ['Content-Length'] })],
    ['another query', () => ok({ queryParametersToRemove: ['token'] })],
  ])('that answers %s has not answered', async (_, answer) => {
    grpc.answer = answer;
    const decision = decisionOf(await request('/grpc'));
    expect(decision).toMatchObject({ effect: 'deny', policy: 'shop/by-grpc', httpStatus: 403 });
    expect(decision.reason).toMatch(/provider `grpc` refused: it/);
  });

  test('that hangs is given up in time, with the status of its document', async () => {
    grpc.answer = never;
    const response = await request('/hasty');
    expect(decisionOf(response)).toMatchObject({ effect: 'deny', httpStatus: 503, policy: 'shop/hasty' });
    expect(decisionOf(response).reason).toContain('did not answer in time');
    expect(response.precondition).toMatchObject({ validUseCount: 0 });
  });

  test('over TLS is who its document says, and sees who we are', async () => {
    expect(decisionOf(await request('/tls')).effect).toBe('allow');
    expect(tls.asked).toHaveLength(1);
    expect(decisionOf(await request('/wrong-tls'))).toMatchObject({ effect: 'deny', policy: 'shop/by-wrong-tls' });
    expect(tls.asked).toHaveLength(1);
  });

  test('that is dead denies, and soon is not asked any longer', async () => {
    for (let i = 0; i < 6; i++) expect(decisionOf(await request('/dead')).effect).toBe('deny');
    expect(decisionOf(await request('/dead')).reason).toContain('it did not answer before');
    expect((await mesh.admin('/metrics')).text).toMatch(/^garrison_provider_circuits_open 1$/m);
  });

  test('that no document defines denies', async () => {
    expect(decisionOf(await request('/unknown'))).toMatchObject({ effect: 'deny', policy: 'shop/unknown' });
  });
});

describe('a provider that speaks HTTP', () => {
  test('sees method, path and the headers it may see; what it says goes on to the application', async () => {
    let seen: Record<string, unknown> = {};
    http.page('/check/http?a=b', ({ method, headers }, response) => {
      seen = { method, ...headers };
      response.writeHead(200, { 'x-user': 'alice', 'x-other': 'no' }).end();
    });
    const headers = [
      ['authorization', 'Basic x'],
      ['x-tenant', 't'],
      ['x-b-1', '1'],
      ['cookie', 'secret'],
    ] as const;
    const response = await request('/http?a=b', { method: 'DELETE', headers });
    expect(seen).toMatchObject({ method: 'DELETE', host: 'cart.shop.svc', authorization: 'Basic x', 'x-tenant': 't' });
    expect(seen).toMatchObject({ 'x-b-1': '1', 'content-length': '0' });
    expect(seen).not.toHaveProperty('cookie');
    expect(response.precondition?.status?.code).toBe(0);
    expect(response.precondition?.routeDirective?.requestHeaderOperations).toEqual([
      { name: 'x-user', value: 'alice', operation: 0 },
    ]);
  });

  test('refuses in its own words, with the headers it may send', async () => {
    http.page('/check/http/no', (_, response) =>
      response.writeHead(401, { 'www-authenticate': 'Basic', 'x-why': 'because', 'x-other': 'no' }).end('who are you?'),
    );
    const response = await request('/http/no');
    expect(decisionOf(response)).toMatchObject({ effect: 'deny', httpStatus: 401, policy: 'shop/by-http' });
    expect(response.precondition?.status?.code).toBe(16);
    const { responseHeaderOperations, directResponseBody } = response.precondition!.routeDirective!;
    expect(responseHeaderOperations.map(({ name }) => name).sort()).toEqual(['www-authenticate', 'x-why']);
    expect(directResponseBody).toBe('who are you?');
  });

  test.each([201, 204, 302, 404])('that answers %d refuses', async (code) => {
    http.page('/check/http/x', (_, response) => response.writeHead(code, { location: '/' }).end());
    expect(decisionOf(await request('/http/x')).effect).toBe('deny');
  });

  test('that fails lets pass only where its document says so, and the verdict says so too', async () => {
    http.page('/check/http/5', (_, response) => response.writeHead(500).end());
    expect(decisionOf(await request('/http/5'))).toMatchObject({ effect: 'deny', httpStatus: 403 });
    http.page('/lenient', () => undefined);
    const passed = await request('/lenient');
    expect(decisionOf(passed)).toMatchObject({ effect: 'allow' });
    expect(decisionOf(passed).reason).toContain('provider `lenient` gave no answer (it did not answer in time)');
    expect(passed.precondition).toMatchObject({ validUseCount: 0 });
    expect((await mesh.admin('/metrics')).text).toMatch(/garrison_provider_answers_total\{outcome="passed"\} 1/);
  });

  test.each<[string, RequestText]>([
    ['a method that is no request', { method: 'CONNECT' }],
    ['a header that is none', { headers: [['authorization', 'é\u0100']] }],
    ['a connection', { protocol: 'tcp' }],
  ])('is never failed by %s: the request is refused', async (_, more) => {
    expect(decisionOf(await request('/lenient', more)).effect).toBe('deny');
    expect(http.asked).toEqual([]);
  });
});

describe('several providers', () => {
  test('must all allow, and are asked at the same time', async () => {
    const both = Promise.withResolvers<undefined>();
    http.page('/check/both', (_, response) => {
      both.resolve(undefined);
      response.end();
    });
    grpc.answer = () => both.promise.then(() => answered({}));
    expect(decisionOf(await request('/both')).effect).toBe('allow');
    http.page('/check/both', (_, response) => response.writeHead(403).end());
    expect(decisionOf(await request('/both'))).toMatchObject({ effect: 'deny', policy: 'shop/both-b' });
  });
});
