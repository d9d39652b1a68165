import { describe, expect, test } from '@jest/globals';
import { fromH2, toH2 } from '#services/sidecar/http/h2-fields.ts';
import { refuseRequest } from '#services/sidecar/http/refuse-request.ts';

const raw = [':method', 'GET', ':path', '/', ':scheme', 'http', ':authority', 'web.shop'];

describe('HTTP/2 headers as header lines', () => {
  test('the authority is the host', () => {
    expect(fromH2([...raw, 'x-a', '1']).fields).toEqual(['host', 'web.shop', 'x-a', '1']);
  });

  test('a Host that says the same is one, one that differs stays to be refused', () => {
    expect(fromH2([...raw, 'host', 'web.shop']).fields).toEqual(['host', 'web.shop']);
    const { fields } = fromH2([...raw, 'host', 'other.shop']);
    expect(fields).toEqual(['host', 'web.shop', 'host', 'other.shop']);
    expect(refuseRequest({ method: 'GET', target: '/', version: '2', fields }, 10)?.status).toBe(400);
  });

  test('crumbs of a cookie are one cookie, other repeats stay apart', () => {
    expect(fromH2(['cookie', 'a=1', 'x', '1', 'cookie', 'b=2', 'x', '2']).fields).toEqual([
      'x',
      '1',
      'x',
      '2',
      'cookie',
      'a=1; b=2',
    ]);
  });
});

describe('header lines as HTTP/2 headers', () => {
  test('the host is the authority, of a request only', () => {
    expect({ ...toH2({ ':method': 'GET' }, ['Host', 'web.shop']) }).toEqual({
      ':method': 'GET',
      ':authority': 'web.shop',
    });
    expect({ ...toH2({ ':status': 200 }, ['host', 'x']) }).toEqual({ ':status': 200, host: 'x' });
  });

  test('repeats become lists, names are in lower case, and __proto__ is a name', () => {
    const headers = toH2({ ':status': 200 }, ['X-A', '1', 'x-a', '2', 'X-A', '3', '__proto__', 'x']);
    expect(headers['x-a']).toEqual(['1', '2', '3']);
    expect(Object.getOwnPropertyDescriptor(headers, '__proto__')?.value).toBe('x');
  });
});
