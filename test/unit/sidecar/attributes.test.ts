import { describe, expect, test } from '@jest/globals';
import { parseSpiffeId } from '#ca/index.ts';
import { vocabulary } from '#proto/attributes/index.ts';
import { addDestination, addRequest, connectionAttributes, outboundAttributes } from '#services/sidecar/attributes.ts';
import type { Connection } from '#services/sidecar/connection.ts';
import { ownRefusal, undecidedPass } from '#services/sidecar/decide/decider.ts';
import { ipBytes } from '#services/sidecar/ip-bytes.ts';
import { addDecision, addOutcome, reportBag } from '#services/sidecar/report/outcome.ts';

const workload = {
  namespace: 'shop',
  name: 'web-v1',
  serviceAccount: 'web',
  labels: new Map([['app', 'web']]),
  gateway: false,
};
const identity = parseSpiffeId('spiffe://cluster.local/ns/shop/sa/web');
const connection: Connection = {
  transport: 'tls',
  peer: parseSpiffeId('spiffe://cluster.local/ns/front/sa/caller'),
  fingerprint: 'ab',
  peerExpires: undefined,
  remote: { address: '::ffff:10.0.0.1', port: 4711 },
  local: { address: '10.0.0.2', port: 16080 },
  serverName: 'web.shop',
};
const now = new Date('2026-01-01T00:00:00.250Z');

function bagOf(fields: readonly string[], peer = connection) {
  const attributes = connectionAttributes({ connection: peer, workload, identity, port: 9080, now });
  addRequest(attributes, { method: 'GET', target: '/a?b', version: '1.1', fields }, now);
  return attributes;
}

describe('what an inbound request says', () => {
  test('who, to whom, over what', () => {
    const bag = bagOf(['Host', 'Web.shop:80', 'User-Agent', 'x', 'x-request-id', '7', 'Referer', 'r']);
    expect(Object.fromEntries(bag)).toMatchObject({
      'context.protocol': 'http',
      'context.reporter.kind': 'inbound',
      'context.reporter.uid': 'garrison://shop/web-v1',
      'connection.mtls': true,
      'connection.requested_server_name': 'web.shop',
      'source.principal': 'cluster.local/ns/front/sa/caller',
      'source.namespace': 'front',
      'source.ip': Uint8Array.of(10, 0, 0, 1),
      'source.port': 4711n,
      'destination.principal': 'cluster.local/ns/shop/sa/web',
      'destination.ip': Uint8Array.of(10, 0, 0, 2),
      'destination.port': 9080n,
      'destination.uid': 'garrison://shop/web-v1',
      'request.host': 'Web.shop:80',
      'request.path': '/a?b',
      'request.useragent': 'x',
      'request.id': '7',
      'request.referer': 'r',
    });
    expect(bag.has('garrison.request.repeated_headers')).toBe(false);
    expect(bag.has('origin.ip')).toBe(false);
  });

  test('a port by both of its numbers, where it has two', () => {
    expect(bagOf([]).get('garrison.destination.listen_port')).toBe(16080n);
    const same = { ...connection, local: { address: '10.0.0.2', port: 9080 } };
    expect(bagOf([], same).has('garrison.destination.listen_port')).toBe(false);
    const socket = { ...connection, local: { address: '', port: 0 } };
    expect(bagOf([], socket).has('garrison.destination.listen_port')).toBe(false);
  });

  test('without a certificate nobody is the source', () => {
    const bag = bagOf([], { ...connection, peer: undefined, transport: 'plaintext' });
    expect(bag.has('source.principal')).toBe(false);
    expect(bag.has('source.namespace')).toBe(false);
    expect(bag.get('connection.mtls')).toBe(false);
  });

  test('repeated headers, joined and apart', () => {
    const bag = bagOf(['X-Role', 'user', 'x-one', '1', 'x-role', 'admin', 'X-ROLE', 'a,b']);
    expect(bag.get('request.headers')).toEqual(
      new Map([
        ['x-role', 'user,admin,a,b'],
        ['x-one', '1'],
      ]),
    );
    expect(bag.get('garrison.request.repeated_headers')).toEqual(new Map([['x-role', 'user\nadmin\na,b']]));
  });

  test('values are the text that their bytes are in UTF-8', () => {
    const bytes = Buffer.from('grün').toString('latin1');
    expect(bagOf(['x', bytes]).get('request.headers')).toEqual(new Map([['x', 'grün']]));
    expect(bagOf(['x', '\u00ff']).get('request.headers')).toEqual(new Map([['x', '\ufffd']]));
  });

  test('a header called __proto__ is a header', () => {
    expect((bagOf(['__proto__', 'x']).get('request.headers') as Map<string, string>).get('__proto__')).toBe('x');
  });

  test('gRPC is told from HTTP by version and content type', () => {
    const attributes = connectionAttributes({ connection, workload, identity, port: 9080, now });
    const fields = ['content-type', 'application/grpc+proto'];
    addRequest(attributes, { method: 'POST', target: '/a.B/C', version: '2', fields }, now);
    expect(attributes.get('context.protocol')).toBe('grpc');
    addRequest(attributes, { method: 'POST', target: '/a.B/C', version: '1.1', fields }, now);
    expect(attributes.get('context.protocol')).toBe('http');
  });
});

test('what goes out names its own side and the documents’ word for the other', () => {
  const attributes = outboundAttributes({ connection, workload, identity, now });
  const endpoint = {
    address: { host: '10.0.0.9', port: 16080 },
    identities: ['spiffe://cluster.local/ns/b/sa/db'],
    labels: new Map(),
  };
  addDestination(attributes, { host: 'db.shop', namespace: 'b', external: false, endpoints: [] }, endpoint);
  expect(Object.fromEntries(attributes)).toMatchObject({
    'context.reporter.kind': 'outbound',
    'source.principal': 'cluster.local/ns/shop/sa/web',
    'source.workload.name': 'web-v1',
    'destination.service.host': 'db.shop',
    'destination.principal': 'cluster.local/ns/b/sa/db',
    'connection.mtls': true,
  });
});

describe('a report', () => {
  const outcome = {
    head: { status: 200, reason: 'OK', fields: ['set-cookie', 's=1', 'x', '1', 'x', '2'] },
    requestBody: 3,
    requestTotal: 30,
    responseBody: 5,
    responseTotal: 50,
    durationMs: 12.5,
    flag: undefined,
    grpcStatus: undefined,
  } as const;

  test('holds decision and outcome, and no secret', () => {
    const attributes = bagOf(['authorization', 'Bearer x', 'Cookie', 'a=b', 'x-api-key', 'k']);
    addDecision(attributes, ownRefusal('id', 400, 3, 'no'));
    addOutcome(attributes, outcome, now);
    const bag = reportBag(attributes);
    const text = JSON.stringify([...bag.entries()], (_key, value: unknown) =>
      value instanceof Map ? [...(value as Map<string, string>)] : typeof value === 'bigint' ? String(value) : value,
    );
    expect(text).not.toMatch(/Bearer|a=b|s=1|"k"/);
    expect(bag.get('request.headers')).toEqual(
      new Map([
        ['authorization', '(secret)'],
        ['cookie', '(secret)'],
        ['x-api-key', '(secret)'],
      ]),
    );
    expect(bag.get('response.headers')).toEqual(
      new Map([
        ['set-cookie', '(secret)'],
        ['x', '1,2'],
      ]),
    );
    expect(bag.get('response.code')).toBe(200n);
    expect(bag.get('garrison.decision.effect')).toBe('deny');
    expect(bag.get('garrison.decision.fail_open')).toBeUndefined();
  });

  test('uses only attributes that the vocabulary knows', () => {
    const attributes = bagOf(['host', 'a', 'x', '1', 'x', '2']);
    addDecision(attributes, undecidedPass('id', 'nobody'));
    addOutcome(attributes, { ...outcome, flag: 'UF', grpcStatus: '0' }, now);
    expect([...attributes.keys()].filter((name) => !vocabulary.has(name))).toEqual([]);
    expect(attributes.get('garrison.decision.fail_open')).toBe(true);
  });
});

describe('addresses as bytes', () => {
  test.each([
    ['1.2.3.4', '01020304'],
    ['::ffff:1.2.3.4', '01020304'],
    ['::1', '00000000000000000000000000000001'],
    ['::', '00000000000000000000000000000000'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['64:ff9b::1.2.3.4', '0064ff9b000000000000000001020304'],
  ])('%s', (text, hex) => {
    expect(Buffer.from(ipBytes(text) ?? []).toString('hex')).toBe(hex);
  });

  test('what is none is none', () => {
    for (const text of ['', '/run/app.sock', '1.2.3', 'localhost']) expect(ipBytes(text)).toBeUndefined();
  });
});
