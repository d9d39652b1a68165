import { describe, expect, test } from '@jest/globals';
import { isTls } from '#services/sidecar/inbound/first-bytes.ts';
import { sniff, sniffServer } from '#services/sidecar/inbound/sniff.ts';
import { Balancer } from '#services/sidecar/outbound/balancer.ts';
import { type RouteEndpoint, splitHost } from '#services/sidecar/outbound/route.ts';

describe('what a connection speaks', () => {
  test.each([
    ['GET / HTTP/1.1\r\n', 'http1'],
    ['get / http', 'http1'],
    ['\r\nGET / HTTP/1.1', 'http1'],
    ['G', 'http1'],
    ['PRI * HTTP/2.0\r\n\r\nSM', 'h2'],
    ['PRI * HT', undefined],
    ['PRI', undefined],
    ['PUT', 'http1'],
    ['PRI /', 'http1'],
    ['', undefined],
    ['\r\n', undefined],
    [' \t\r\n\v', undefined],
    [' '.repeat(4096), 'http1'],
    ['\r\n\r\nPRI * HTTP/2.0', 'http1'],
    ['\t\xa0get\x85/', 'http1'],
    ['GET\r/', 'http1'],
    ['A'.repeat(5000), 'http1'],
    ['\r\n\r\n\0\r\nQUIT\n', 'http1'],
    ['\r\n\0', 'tcp'],
    ['PING\r\n', 'tcp'],
    ['SSH-2.0-x\r\n', 'tcp'],
    ['AMQP\0\0\x09\x01', 'tcp'],
    ['0\f\x02\x01\x01`\x07', 'tcp'],
    ['\x16\x03\x01', 'tcp'],
    ['\x00\x00\x00\x08', 'tcp'],
    ['{"jsonrpc":', 'tcp'],
    ['*1\r\n$4\r\nPING', 'tcp'],
  ] as const)('%j', (text, wire) => {
    expect(sniff(Buffer.from(text, 'latin1'))).toBe(wire);
  });

  test('a server that speaks first, by what it says', () => {
    expect(sniffServer(Buffer.from('HTTP/1.1 408 Request Timeout\r\n'))).toBe('http1');
    expect(sniffServer(Buffer.from('000006040000000000000400ffffff', 'hex'))).toBe('h2');
    expect(sniffServer(Buffer.from('4a0000000a382e30', 'hex'))).toBe('tcp');
    expect(sniffServer(Buffer.from('220 ready\r\n'))).toBe('tcp');
  });

  test('TLS by its first byte', () => {
    expect(isTls(Buffer.of(0x16, 3))).toBe(true);
    expect(isTls(Buffer.from('GET'))).toBe(false);
  });
});

describe('a Host', () => {
  test.each([
    ['web.shop', { host: 'web.shop', port: undefined }],
    ['Web.Shop.:8080', { host: 'web.shop', port: 8080 }],
    ['web.shop:', { host: 'web.shop', port: undefined }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['10.0.0.1:80', { host: '10.0.0.1', port: 80 }],
  ])('%s', (written, parts) => {
    expect(splitHost(written)).toEqual(parts);
  });
});

describe('a balancer', () => {
  const at = (port: number) => ({
    address: { host: '127.0.0.1', port },
    identities: [],
    labels: new Map<string, string>(),
  });
  const endpoints: RouteEndpoint[] = [at(1), at(2), at(3)];
  const clockAt = { ms: 0 };
  const clock = { now: () => new Date(0), monotonicMs: () => clockAt.ms, sleep: () => Promise.resolve() };
  const first = (balancer: Balancer): unknown => endpoints.indexOf(balancer.order('web', endpoints)[0]!) + 1;

  test('takes endpoints in turn', () => {
    const balancer = new Balancer(clock);
    expect([1, 2, 3, 4].map(() => first(balancer))).toEqual([1, 2, 3, 1]);
  });

  test('leaves out who failed, longer each time, and takes it back in', () => {
    const balancer = new Balancer(clock);
    balancer.failed(endpoints[0]!);
    expect(balancer.order('web', endpoints)).toEqual([endpoints[1], endpoints[2]]);
    clockAt.ms += 5_000;
    expect(balancer.order('web', endpoints)).toContain(endpoints[0]);
    balancer.failed(endpoints[0]!);
    clockAt.ms += 5_000;
    expect(balancer.order('web', endpoints)).not.toContain(endpoints[0]);
    balancer.succeeded(endpoints[0]!);
    expect(balancer.order('web', endpoints)).toContain(endpoints[0]);
  });

  test('tries all when all are out', () => {
    const balancer = new Balancer(clock);
    for (const endpoint of endpoints) balancer.failed(endpoint);
    expect(balancer.order('web', endpoints)).toHaveLength(3);
  });
});
