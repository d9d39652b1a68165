import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { crc32c } from '#services/sidecar/inbound/proxy-protocol/crc32c.ts';
import { looksProxied, readProxyHeader } from '#services/sidecar/inbound/proxy-protocol/header.ts';
import type { End } from '#services/sidecar/inbound/proxy-protocol/reading.ts';
import { TrustedProxies } from '#services/sidecar/inbound/proxy-protocol/trusted-proxies.ts';

/** One of `header`, `fault` (a part of the reason) and `more`. */
interface Vector {
  readonly name: string;
  readonly text?: string;
  readonly hex?: string;
  readonly header?: {
    readonly length: number;
    readonly proxy?: boolean;
    readonly source?: string | null;
    readonly destination?: string | null;
  };
  readonly fault?: string;
  readonly more?: boolean;
}

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'proxy-headers.json'), 'utf8')) as Vector[];

const bytesOf = ({ text, hex }: Vector): Buffer =>
  hex === undefined ? Buffer.from(text ?? '') : Buffer.from(hex, 'hex');

const endText = (end: End | undefined): string | null => {
  if (end === undefined) return null;
  return end.address.includes(':') ? `[${end.address}]:${end.port}` : `${end.address}:${end.port}`;
};

describe('the reader of PROXY headers', () => {
  test.each(vectors)('$name', (vector) => {
    const reading = readProxyHeader(bytesOf(vector));
    if (vector.fault !== undefined) {
      expect(reading).toEqual({ kind: 'fault', reason: expect.stringContaining(vector.fault) });
      return;
    }
    if (vector.more === true) {
      expect(reading).toEqual({ kind: 'more' });
      return;
    }
    expect(reading.kind).toBe('header');
    if (reading.kind !== 'header') return;
    expect(reading.length).toBe(vector.header?.length);
    if (vector.header?.proxy === true) {
      expect(reading.client).toBe('proxy');
      return;
    }
    const { source, destination } = reading.client === 'proxy' ? {} : reading.client;
    expect([endText(source), endText(destination)]).toEqual([vector.header?.source, vector.header?.destination]);
  });

  test('whole headers and enough of their beginnings look proxied', () => {
    for (const vector of vectors.filter(({ header }) => header !== undefined)) {
      expect(looksProxied(bytesOf(vector))).toBe(true);
    }
    expect(looksProxied(Buffer.from('P'))).toBe(false);
    expect(looksProxied(Buffer.from('POST / HTTP/1.1\r\n'))).toBe(false);
    expect(looksProxied(Buffer.from('\r\n\r\nGET / HTTP/1.1\r\n'))).toBe(false);
  });
});

test('the checksum is that of RFC 9260', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
});

describe('trusted proxies', () => {
  const proxies = new TrustedProxies(['10.1.0.0/16', '192.0.2.7', 'fd00::/8', '2001:db8::7']);
  test.each([
    ['10.1.2.3', true],
    ['10.2.0.1', false],
    ['::ffff:10.1.2.3', true],
    ['::ffff:10.2.2.3', false],
    ['192.0.2.7', true],
    ['192.0.2.8', false],
    ['fd12::1', true],
    ['fe80::1%eth0', false],
    ['2001:db8::7', true],
    ['', false],
    ['localhost', false],
  ])('%s: %s', (address, trusted) => {
    expect(proxies.includes(address)).toBe(trusted);
  });
});
