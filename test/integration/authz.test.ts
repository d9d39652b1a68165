import { connect as connectHttp2, constants } from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { MapBag, decodeReferences } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { CheckRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { isUnix } from '#runtime/address.ts';
import { AuthzMesh, ask, checkRequest, decisionOf } from '#test/fakes/authz-mesh.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';

const policy = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: shop }
spec:
  selector: { matchLabels: { app: cart } }
  action: ALLOW
  rules:
    - from: [ { source: { principals: [ cluster.local/ns/shop/sa/web ] } } ]
      to: [ { operation: { methods: [ GET ] } } ]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: closed, namespace: shop }
spec:
  action: DENY
  rules: [ { to: [ { operation: { paths: [ /admin* ] } } ] } ]
`;
const cart = 'spiffe://cluster.local/ns/shop/sa/cart';
const facts = (...changes: [string, AttributeValue | undefined][]): MapBag => {
  const all = new Map<string, AttributeValue | undefined>([
    ['context.protocol', 'http'],
    ['context.reporter.kind', 'inbound'],
    ['source.ip', Buffer.from([10, 0, 0, 7])],
    ['source.principal', 'cluster.local/ns/shop/sa/web'],
    ['connection.mtls', true],
    ['destination.principal', 'cluster.local/ns/shop/sa/cart'],
    ['destination.namespace', 'shop'],
    ['destination.labels', new Map([['app', 'cart']])],
    ['destination.port', 8080n],
    ['request.method', 'GET'],
    ['request.path', '/items?x=1'],
    ['request.host', 'cart.shop'],
    ['request.headers', new Map([['accept', '*/*']])],
    ...changes,
  ]);
  return new MapBag([...all].filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined));
};

let mesh: AuthzMesh;
let sidecar: MixerClient;
let tool: MixerClient;

beforeAll(async () => {
  mesh = await AuthzMesh.start({ policies: { 'shop.yaml': policy } });
  sidecar = await mesh.client(cart);
  tool = await mesh.client();
  await mesh.authz.admin.readiness.ready();
});
afterAll(async () => {
  await mesh[Symbol.asyncDispose]();
  mesh.forget();
});

describe('a check', () => {
  test('is allowed, with the decision, what it depends on and for how long', async () => {
    const response = await ask(sidecar, checkRequest(facts()));
    expect(response.precondition).toMatchObject({
      status: { code: 0 },
      validDuration: { seconds: 0n, nanos: 500_000_000 },
      validUseCount: 10_000,
    });
    expect(decisionOf(response)).toMatchObject({ effect: 'allow', policy: 'shop/readers', rule: 0, revision: 1n });
    const names = decodeReferences(response.precondition!.referencedAttributes!).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['source.principal', 'request.method', 'request.path', 'destination.namespace']),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  test.each<[string, [string, AttributeValue | undefined][], number, string]>([
    ['a denied path', [['request.path', '/admin']], 7, 'shop/closed'],
    ['a denied path in disguise', [['request.path', '/x/../%61dmin']], 7, 'shop/closed'],
    ['a method that nobody allowed', [['request.method', 'POST']], 7, 'none'],
    ['a stranger', [['source.principal', undefined]], 7, 'none'],
    ['a malformed request', [['request.method', 'GE T']], 3, 'none'],
  ])('denies %s', async (_, changes, code, decidedBy) => {
    const response = await ask(sidecar, checkRequest(facts(...changes)));
    expect(response.precondition?.status?.code).toBe(code);
    expect(decisionOf(response)).toMatchObject({ effect: 'deny', policy: decidedBy });
  });

  test('each decision has an id of its own', async () => {
    const ids = await Promise.all([1, 2, 3].map(async () => decisionOf(await ask(sidecar, checkRequest(facts()))).id));
    expect(new Set(ids).size).toBe(3);
  });

  test('answers a requested quota with nothing, and says so', async () => {
    const quotas = new Map([['per-user', { amount: 1n, bestEffort: true }]]);
    const response = await ask(sidecar, checkRequest(facts(), { quotas }));
    expect(response.quotas.get('per-user')).toMatchObject({ grantedAmount: 0n, status: { code: 12 } });
  });
});

describe('a caller', () => {
  test('may not ask about another workload', async () => {
    const ratings = await mesh.client('spiffe://cluster.local/ns/shop/sa/ratings');
    await expect(ask(ratings, checkRequest(facts()))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('destination.principal'),
    });
  });

  test('on the local address may ask about any', async () => {
    expect(decisionOf(await ask(tool, checkRequest(facts()))).effect).toBe('allow');
  });

  test('of another trust domain or root is not heard', async () => {
    const { authz } = mesh.authz.addresses;
    const stranger = await (await TestPki.create('other root')).identity(cart);
    const alien = await mesh.pki.identity('spiffe://other.org/ns/shop/sa/cart');
    for (const identity of [stranger, alien]) {
      const socket = connectTls({
        ...(isUnix(authz) ? {} : authz),
        cert: identity.certificates.join('\n'),
        key: identity.privateKey,
        ca: mesh.pki.bundle,
        ALPNProtocols: ['h2'],
        checkServerIdentity: () => undefined,
      });
      const read: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => read.push(chunk));
      await new Promise<void>((resolve) => socket.on('error', () => undefined).on('close', () => resolve()));
      expect(Buffer.concat(read)).toEqual(Buffer.alloc(0));
    }
  });
});

describe('bad input', () => {
  test('an index out of range is refused with its place', async () => {
    const request = checkRequest(facts());
    request.attributes!.strings.set(17, 4_000);
    await expect(ask(sidecar, request)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^CheckRequest\.attributes\.strings\[17\]: /),
    });
  });

  test('an attribute of the wrong type is refused with its place', async () => {
    await expect(ask(sidecar, checkRequest(facts(['source.ip', '10.0.0.7'])))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('CheckRequest.attributes.strings[0]'),
    });
  });

  test('a larger dictionary than ours is answered as Mixer does', async () => {
    await expect(ask(sidecar, checkRequest(facts(), { globalWordCount: 223 }))).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringMatching(
        /^inconsistent global dictionary versions used: mixer knows 222 words, caller knows 223/,
      ),
    });
  });

  test('a check about nothing is refused', async () => {
    await expect(ask(tool, checkRequest(facts(), { attributes: undefined }))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test('a workload that is not named cannot be decided: denied, not to be kept, logged and counted', async () => {
    const bag = facts(['destination.namespace', undefined]);
    const response = await ask(tool, checkRequest(bag));
    expect(response.precondition).toMatchObject({ status: { code: 7 }, validUseCount: 0 });
    expect(decisionOf(response).reason).toContain('destination.namespace');
    expect(mesh.logged.join('')).toContain('check could not be decided');
    expect((await mesh.admin('/metrics')).text).toContain('garrison_check_failures_total 1');
  });

  test.each<[string, Buffer, number]>([
    ['a frame that is not the message', Buffer.from('000000000401020304', 'hex'), 3],
    ['a frame that ends early', Buffer.from('00000000ff0102', 'hex'), 3],
    ['a compressed frame', Buffer.from('0100000000', 'hex'), 12],
    ['a frame of 2 GiB', Buffer.from('007fffffff00', 'hex'), 8],
    ['no frame', Buffer.alloc(0), 3],
    ['words that are not UTF-8', framed(Buffer.from('0a040a02c328', 'hex')), 3],
  ])('%s is refused with a status', async (_, bytes, status) => {
    expect(await rawCall(bytes)).toBe(String(status));
  });

  test('and the service goes on', async () => {
    expect(await rawCall(framed(CheckRequest.encode(checkRequest(facts())).finish()))).toBe('0');
  });
});

describe('the admin port', () => {
  test('tells the revision, the documents and no refusal', async () => {
    const page = JSON.parse((await mesh.admin('/revision')).text) as Record<string, unknown>;
    expect(page).toMatchObject({
      revision: 1,
      refusal: null,
      documents: [
        { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'readers' },
        { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'closed' },
      ],
    });
  });

  test('tells health, numbers and configuration', async () => {
    expect(await mesh.admin('/livez')).toMatchObject({ status: 200 });
    expect(await mesh.admin('/readyz')).toMatchObject({ status: 200 });
    expect(JSON.parse((await mesh.admin('/config')).text)).toEqual({ trustDomain: 'cluster.local' });
    const { text } = await mesh.admin('/metrics');
    expect(text).toMatch(/^garrison_policy_revision 1$/m);
    expect(text).toMatch(/^garrison_policy_refused 0$/m);
    expect(text).toMatch(/^garrison_checks_total\{effect="allow",status="200"\} [1-9]/m);
    expect(text).toMatch(/^garrison_checks_total\{effect="deny",status="403"\} [1-9]/m);
  });
});

function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The grpc-status of a Check whose body is these bytes. */
async function rawCall(body: Buffer): Promise<string> {
  const local = mesh.authz.addresses.authzLocal!;
  const session = connectHttp2(`http://127.0.0.1:${isUnix(local) ? 0 : local.port}`);
  try {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/istio.mixer.v1.Mixer/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    return await new Promise((resolve, reject) => {
      stream.on('response', (headers: IncomingHttpHeaders) => {
        if (headers['grpc-status'] !== undefined) resolve(String(headers['grpc-status']));
      });
      stream.on('trailers', (trailers: IncomingHttpHeaders) => resolve(String(trailers['grpc-status'])));
      stream.on('error', reject);
      stream.resume();
      stream.end(body);
    });
  } finally {
    session.close();
  }
}
