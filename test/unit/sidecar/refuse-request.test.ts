import { describe, expect, test } from '@jest/globals';
import type { RequestHead } from '#services/sidecar/http/message.ts';
import { readAbsolute, refuseRequest } from '#services/sidecar/http/refuse-request.ts';

const sound: RequestHead = { method: 'GET', target: '/', version: '1.1', fields: ['host', 'web.shop'] };

const refusal = (change: Partial<RequestHead>): number | undefined =>
  refuseRequest({ ...sound, ...change }, 10)?.status;
const withFields = (...fields: string[]): Partial<RequestHead> => ({ fields: ['host', 'web.shop', ...fields] });

describe('the bare minimum, then one thing broken', () => {
  test('the bare minimum', () => {
    expect(refusal({})).toBeUndefined();
  });

  test.each<[string, Partial<RequestHead>, number]>([
    ['HTTP/0.9', { version: '0.9' }, 505],
    ['a version that a parser let through', { version: '2.0' }, 505],
    ['CONNECT', { method: 'CONNECT' }, 405],
    ['an empty method', { method: '' }, 400],
    ['a method with a space', { method: 'GE T' }, 400],
    ['too many lines', withFields(...Array.from({ length: 20 }, () => 'x')), 431],
    ['an empty name', withFields('', '1'), 400],
    ['a name with a colon', withFields('x:y', '1'), 400],
    ['a name with a byte above ASCII', withFields('x\u00e9', '1'), 400],
    ['NUL in a value', withFields('x', 'a\0b'), 400],
    ['CR in a value', withFields('x', 'a\rb'), 400],
    ['LF in a value', withFields('x', 'a\nb'), 400],
    ['DEL in a value', withFields('x', 'a\x7fb'), 400],
    ['no host', { fields: [] }, 400],
    ['two hosts', withFields('Host', 'web.shop'), 400],
    ['a host with a space', { fields: ['host', 'a b'] }, 400],
    ['a host with a slash', { fields: ['host', 'a/b'] }, 400],
    ['a host with user information', { fields: ['host', 'a@b'] }, 400],
    ['a host with a port that is none', { fields: ['host', 'a:http'] }, 400],
    ['an empty target', { target: '' }, 400],
    ['a target without a slash', { target: 'pkg.Svc/Method' }, 400],
    ['a target with a space', { target: '/a b' }, 400],
    ['a target with a tab', { target: '/a\tb' }, 400],
    ['a target with a fragment', { target: '/a#b' }, 400],
    ['a target with octets above ASCII', { target: '/caf\u00c3\u00a9' }, 400],
    ['a query with octets above ASCII', { target: '/a?b=\u00ff' }, 400],
    ['a star for GET', { target: '*' }, 400],
    ['another host in the target', { target: 'http://other/' }, 400],
    ['another scheme in the target', { target: 'https://web.shop/' }, 400],
    ['user information in the target', { target: 'http://a@web.shop/' }, 400],
    ['two lengths', withFields('content-length', '1', 'Content-Length', '1'), 400],
    ['a length with a sign', withFields('content-length', '+1'), 400],
    ['a length with a comma', withFields('content-length', '1,1'), 400],
    ['an empty length', withFields('content-length', ''), 400],
    ['a length beyond safe numbers', withFields('content-length', '9'.repeat(16)), 400],
    ['length and coding', withFields('content-length', '1', 'transfer-encoding', 'chunked'), 400],
    ['two codings', withFields('transfer-encoding', 'chunked', 'transfer-encoding', 'chunked'), 400],
    ['another coding', withFields('transfer-encoding', 'gzip'), 501],
    ['a coding in HTTP/1.0', { ...withFields('transfer-encoding', 'chunked'), version: '1.0' }, 400],
    ['a coding in HTTP/2', { ...withFields('transfer-encoding', 'chunked'), version: '2' }, 400],
    ['host as hop-by-hop', withFields('connection', 'close, Host'), 400],
    ['a forwarded header as hop-by-hop', withFields('connection', 'x-forwarded-proto'), 400],
    ['cookie as hop-by-hop', withFields('connection', 'cookie'), 400],
  ])('%s', (_name, change, status) => {
    expect(refusal(change)).toBe(status);
  });

  test.each<[string, Partial<RequestHead>]>([
    ['a method nobody has registered', { method: 'PURGE' }],
    ['OPTIONS *', { method: 'OPTIONS', target: '*' }],
    ['a target that names the host', { target: 'http://WEB.shop/a' }],
    ['a path that starts twice', { target: '//admin' }],
    ['HTTP/1.0 without a host', { version: '1.0', fields: [] }],
    ['an IPv6 host', { fields: ['host', '[::1]:8080'] }],
    ['a host with an underscore', { fields: ['host', 'my_service:80'] }],
    ['bytes above ASCII in a value', withFields('x', 'gr\u00fc\u00df')],
    ['a tab in a value', withFields('x', 'a\tb')],
    ['chunked in capitals', withFields('transfer-encoding', 'Chunked')],
    ['a connection line of the usual kind', withFields('connection', 'keep-alive, TE', 'te', 'trailers')],
  ])('allowed: %s', (_name, change) => {
    expect(refusal(change)).toBeUndefined();
  });
});

describe('a whole URI as target', () => {
  test.each([
    ['http://a/b?c', { host: 'a', path: '/b?c' }],
    ['HTTP://a:80', { host: 'a:80', path: '/' }],
    ['http://a?q', { host: 'a', path: '/?q' }],
    ['http://[::1]/x', { host: '[::1]', path: '/x' }],
    ['http:///x', undefined],
    ['/x', undefined],
  ])('%s', (target, parts) => {
    expect(readAbsolute(target)).toEqual(parts);
  });
});
