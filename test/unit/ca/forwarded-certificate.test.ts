import { describe, expect, test } from '@jest/globals';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import { authenticateForwarded } from '#services/ca/callers/authenticate-forwarded.ts';
import { readForwardedCertificates } from '#services/ca/callers/forwarded-certificate.ts';
import type { Claim } from '#services/ca/certificate-service/claim.ts';

const cart = 'spiffe://example.org/ns/shop/sa/cart';

describe('the header', () => {
  test('is read as Envoy writes it', () => {
    const header =
      `By=spiffe://example.org/gw;Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;` +
      `Subject="/C=US/CN=\\"a, b\\\\;\\"";URI=${cart};DNS=a.example;DNS=b.example, By=x;URI=spiffe://example.org/b`;
    expect(readForwardedCertificates(header).map((one) => Object.fromEntries(one))).toEqual([
      {
        by: ['spiffe://example.org/gw'],
        hash: ['468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688'],
        subject: ['/C=US/CN="a, b\\;"'],
        uri: [cart],
        dns: ['a.example', 'b.example'],
      },
      { by: ['x'], uri: ['spiffe://example.org/b'] },
    ]);
    expect(readForwardedCertificates('Subject="";URI=a')[0]?.get('subject')).toEqual(['']);
  });

  test.each([
    '',
    ',',
    'URI',
    'URI=a,',
    'URI=a;',
    ',URI=a',
    'URI=a;;DNS=b',
    'URI="a',
    'URI=a"b"',
    'URI="a"b',
    'URI="a\\n"',
    'URI=a b',
    'URI=a=b;x',
    'URI=a\\',
    'Uri-=a',
    'Foo=a',
    'URI=a\0',
    'URI="a\nb"',
    'URI=a\u0085',
    `URI=${'a'.repeat(20_000)}`,
  ])('that could be read otherwise is refused: %p', (header) => {
    expect(() => readForwardedCertificates(header)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }));
  });
});

interface From {
  readonly address?: string;
  readonly svid?: string;
  readonly unix?: boolean;
}

function call(header: string | undefined, { address = '10.1.2.3', svid, unix = false }: From = {}): CallContext {
  return {
    peer: {
      spiffeId: svid === undefined ? undefined : parseSpiffeId(svid),
      certificate: undefined,
      address,
      port: 1,
      unix: unix ? { uid: 0, gid: 0, pid: 1 } : undefined,
    },
    metadata: new Map(header === undefined ? [] : [['x-forwarded-client-cert', header]]),
    signal: new AbortController().signal,
  };
}

const trustDomain = parseTrustDomain('example.org');
const gateway = 'spiffe://example.org/ns/gw/sa/gateway';
const believing = authenticateForwarded({ from: ['10.0.0.0/8', 'fd00::/8'], proxies: [] }, trustDomain);
const byName = authenticateForwarded({ from: ['10.0.0.0/8'], proxies: [gateway] }, trustDomain);

const idOf = (claim: ReturnType<typeof believing>): string | undefined => (claim as Claim | undefined)?.id.toString();

describe('a proxy in front', () => {
  test('is believed at its address, over IPv4, mapped, and IPv6', () => {
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1']) {
      expect(idOf(believing(call(`URI=${cart}`, { address })))).toBe(cart);
    }
  });

  test('is believed of the last element alone: what others told it counts for nothing', () => {
    expect(idOf(believing(call(`URI=spiffe://example.org/admin,URI=${cart}`)))).toBe(cart);
    expect(() => believing(call(`URI=${cart},By=x`))).toThrow();
  });

  test('is nobody elsewhere, on a unix socket, or where it shows a certificate of its own', () => {
    const header = `URI=${cart}`;
    for (const from of [{ address: '11.1.2.3' }, { address: 'nonsense' }, { unix: true }, { svid: cart }]) {
      expect(believing(call(header, from))).toBeUndefined();
    }
    expect(believing(call(undefined))).toBeUndefined();
  });

  test('is the one with the SVID that is named, where one is named', () => {
    expect(idOf(byName(call(`URI=${cart}`, { svid: gateway })))).toBe(cart);
    expect(byName(call(`URI=${cart}`, { svid: cart }))).toBeUndefined();
    expect(byName(call(`URI=${cart}`))).toBeUndefined();
    expect(byName(call(`URI=${cart}`, { svid: gateway, address: '11.0.0.1' }))).toBeUndefined();
  });

  test.each([
    'By=x',
    `URI=${cart};URI=${cart}`,
    'URI=spiffe://other.org/ns/shop/sa/cart',
    'URI=spiffe://example.org',
    'URI=spiffe://example.org/ns/../x',
    'URI=Spiffe://example.org/ns/x',
    'URI=https://example.org/x',
    'URI=spiffe://example.org/garrison/ca',
    'URI=spiffe://example.org/garrison/node/x',
    'URI=',
  ])('is not believed when it says %s', (header) => {
    expect(() => believing(call(header))).toThrow();
  });
});
