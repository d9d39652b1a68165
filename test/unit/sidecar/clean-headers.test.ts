import { describe, expect, test } from '@jest/globals';
import { changeHeaders } from '#services/sidecar/http/change-headers.ts';
import {
  appendForwarded,
  cleanRequest,
  cleanResponse,
  cleanTrailers,
  setField,
} from '#services/sidecar/http/clean-headers.ts';

const request = (...fields: string[]) => cleanRequest({ method: 'GET', target: '/', version: '1.1', fields }).fields;
const response = (source: 'service' | 'sidecar', ...fields: string[]) =>
  cleanResponse({ status: 200, reason: '', fields }, source).fields;

describe('a request on its way', () => {
  test.each([
    ['x-istio-attributes'],
    ['X-Istio-Attributes'],
    ['x_istio_attributes'],
    ['x-envoy-original-path'],
    ['X-Envoy-Peer-Metadata'],
    ['x_envoy_auth_partial_body'],
    ['x-garrison-decision'],
    ['x-garrison-anything'],
    ['X-Forwarded-Client-Cert'],
    ['connection'],
    ['Keep-Alive'],
    ['proxy-connection'],
    ['Proxy-Authorization'],
    ['upgrade'],
    ['HTTP2-Settings'],
    ['Transfer-Encoding'],
  ])('loses %s', (name) => {
    expect(request('host', 'a', name, 'x', 'x-kept', '1')).toEqual(['host', 'a', 'x-kept', '1']);
  });

  test.each([
    ['x-forwarded-for'],
    ['x-request-id'],
    ['authorization'],
    ['cookie'],
    ['x-istio-other'],
    ['x-envoyish'],
    ['expect'],
  ])('keeps %s', (name) => {
    expect(request(name, 'x')).toEqual([name, 'x']);
  });

  test('loses what a Connection line names', () => {
    expect(request('Connection', 'close, X-Hop', 'x-hop', '1', 'x-end', '2')).toEqual(['x-end', '2']);
  });

  test('keeps repeats and their order', () => {
    expect(request('x-a', '1', 'X-B', '2', 'x-a', '3')).toEqual(['x-a', '1', 'X-B', '2', 'x-a', '3']);
  });

  test('of TE only trailers goes on', () => {
    expect(request('te', 'gzip, trailers')).toEqual(['te', 'trailers']);
    expect(request('te', 'gzip')).toEqual([]);
  });

  test('a whole URI becomes its path', () => {
    const head = { method: 'GET', target: 'http://a/x?y', version: '1.1', fields: ['host', 'a'] };
    expect(cleanRequest(head).target).toBe('/x?y');
  });
});

describe('an answer on its way', () => {
  test('loses what is of one connection', () => {
    expect(
      response('service', 'connection', 'x-hop', 'x-hop', '1', 'transfer-encoding', 'chunked', 'x-a', '1'),
    ).toEqual(['x-a', '1']);
  });

  test('a service cannot speak as a sidecar; a sidecar can', () => {
    expect(response('service', 'x-garrison-decision', '1')).toEqual([]);
    expect(response('sidecar', 'x-garrison-decision', '1')).toEqual(['x-garrison-decision', '1']);
  });
});

describe('trailers on their way', () => {
  const trailers = [
    'grpc-status',
    '0',
    'x-sum',
    '1',
    'host',
    'x',
    'X-Istio-Attributes',
    'x',
    'authorization',
    'x',
    'x-garrison-decision',
    '1',
  ];

  test('say nothing that belongs before a body, and claim nothing', () => {
    expect(cleanTrailers(trailers, 'client')).toEqual(['grpc-status', '0', 'x-sum', '1']);
  });

  test.each([
    'x-forwarded-for',
    'X_Forwarded-Host',
    'x-real_ip',
    'Forwarded',
    'x_http_method_override',
    'transfer_encoding',
  ])('do not say who asks, or for what: %s', (name) => {
    expect(cleanTrailers([name, 'x', 'x-sum', '1'], 'client')).toEqual(['x-sum', '1']);
  });

  test('are without what is cut besides', () => {
    const dropped = (name: string): boolean => name === 'x-role';
    expect(cleanTrailers(['X-Role', 'admin', 'x-sum', '1'], 'client', dropped)).toEqual(['x-sum', '1']);
  });

  test('of a sidecar keep the decision', () => {
    expect(cleanTrailers(trailers, 'service')).not.toContain('x-garrison-decision');
    expect(cleanTrailers(trailers, 'sidecar')).toContain('x-garrison-decision');
  });
});

describe('changing lines', () => {
  test('one replaces all of a name', () => {
    expect(setField(['X-A', '1', 'b', '2', 'x-a', '3'], 'x-a', '4')).toEqual(['b', '2', 'x-a', '4']);
  });

  test('a hop is added at the right end', () => {
    expect(appendForwarded(['X-Forwarded-For', '1.1.1.1', 'x-forwarded-for', '2.2.2.2'], '3.3.3.3')).toEqual([
      'x-forwarded-for',
      '1.1.1.1, 2.2.2.2, 3.3.3.3',
    ]);
  });

  test('directives replace, append and remove, and leave framing and host alone', () => {
    const changes = [
      { operation: 'replace', name: 'X-A', value: '2' },
      { operation: 'append', name: 'x-b', value: '3' },
      { operation: 'remove', name: 'x-c', value: '' },
      { operation: 'replace', name: 'Content-Length', value: '0' },
      { operation: 'remove', name: 'host', value: '' },
    ] as const;
    expect(changeHeaders(['host', 'a', 'x-a', '1', 'x-c', '1', 'content-length', '5'], changes)).toEqual([
      'host',
      'a',
      'content-length',
      '5',
      'x-a',
      '2',
      'x-b',
      '3',
    ]);
  });
});
