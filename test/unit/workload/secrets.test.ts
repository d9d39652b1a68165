import { describe, expect, test } from '@jest/globals';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import { Secret } from '#proto/gen/envoy/extensions/transport_sockets/tls/v3/secret.ts';
import { SPIFFECertValidatorConfig } from '#proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.ts';
import { Secrets } from '#services/workload/sds/secrets.ts';
import type { KeptSvid } from '#services/workload/svid-keeper.ts';

const der = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);
const pem = (...bytes: number[]): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE-----\n`;

function svid(id: string, leaf: number): KeptSvid {
  const times = { notBefore: new Date(0), notAfter: new Date(1) };
  const chain = [der(leaf), der(50), der(60)];
  return {
    leaf: { serial: String(leaf), id: parseSpiffeId(id), chain, authority: 'a', ...times },
    key: der(70 + leaf),
    hint: '',
  };
}

const a = 'spiffe://example.org/a';
const b = 'spiffe://example.org/b';

function secretsOf(federatesWith: readonly string[], foreign: Record<string, Uint8Array[]> = {}): Secrets {
  const registrations = [{ federatesWith: [] }, { federatesWith }] as unknown as Registration[];
  const sent = (roots: Uint8Array[]) => ({ roots, jwks: Buffer.alloc(0) });
  const known = Object.entries(foreign).map(([name, roots]) => [parseTrustDomain(name), sent(roots)] as const);
  const trust = {
    trustDomain: parseTrustDomain('example.org'),
    own: sent([der(1), der(2)]),
    foreign: new Map(known),
    print: '',
  };
  return new Secrets({ registrations, trust, svids: [svid(a, 11), svid(b, 12), svid(a, 13)] });
}

/** The secret without protobuf's wrapping. */
function read(secrets: Secrets, name: string): unknown {
  const sealed = secrets.named(name);
  if (sealed === undefined) return undefined;
  const { type, name: said } = Secret.decode(sealed.resource.value);
  expect(said).toBe(name);
  if (type?.$case === 'tlsCertificate') {
    return [type.value.certificateChain, type.value.privateKey].map((one) => text(one?.specifier));
  }
  const { trustedCa, customValidatorConfig } = type!.value;
  if (customValidatorConfig === undefined) return text(trustedCa?.specifier);
  expect([trustedCa, customValidatorConfig.name]).toEqual([undefined, 'envoy.tls.cert_validator.spiffe']);
  const { trustDomains } = SPIFFECertValidatorConfig.decode(customValidatorConfig.typedConfig!.value);
  return Object.fromEntries(trustDomains.map((one) => [one.name, text(one.trustBundle?.specifier)]));
}

function text(specifier: unknown): string {
  return String((specifier as { value: unknown }).value);
}

const key = (byte: number): string => pem(byte).replaceAll('CERTIFICATE', 'PRIVATE KEY');

describe('secrets', () => {
  test('are certificates without their root, by `default` and by identity; of two of one identity the first', () => {
    const secrets = secretsOf([]);
    expect(read(secrets, 'default')).toEqual([pem(11) + pem(50), key(81)]);
    expect(read(secrets, a)).toEqual([pem(11) + pem(50), key(81)]);
    expect(read(secrets, b)).toEqual([pem(12) + pem(50), key(82)]);
  });

  test('are plain roots while one trust domain is known', () => {
    for (const secrets of [secretsOf([]), secretsOf([], { 'other.org': [der(3)] }), secretsOf(['other.org'])]) {
      expect(read(secrets, 'ROOTCA')).toBe(pem(1) + pem(2));
      expect(read(secrets, 'spiffe://example.org')).toBe(pem(1) + pem(2));
      expect(read(secrets, 'ALL')).toEqual({ 'example.org': pem(1) + pem(2) });
    }
  });

  test('are roots bound to their trust domains, never merged, where there are several', () => {
    const secrets = secretsOf(['other.org'], { 'other.org': [der(3)], 'third.org': [der(4)] });
    expect(read(secrets, 'ROOTCA')).toEqual({ 'example.org': pem(1) + pem(2) });
    expect(read(secrets, 'spiffe://other.org')).toEqual({ 'other.org': pem(3) });
    expect(read(secrets, 'ALL')).toEqual({ 'example.org': pem(1) + pem(2), 'other.org': pem(3) });
    expect(read(secrets, 'spiffe://third.org')).toBeUndefined();
  });

  test('are all there is, each once, for who names nothing', () => {
    const names = secretsOf(['other.org'], { 'other.org': [der(3)] })
      .all()
      .map(({ name }) => name);
    expect(names.toSorted()).toEqual(['ALL', a, b, 'spiffe://example.org', 'spiffe://other.org'].toSorted());
  });

  test.each(['', 'rootca', 'Default', 'spiffe://', 'spiffe://example.org/', 'spiffe://example.org/c', 'spiffe://x'])(
    'are not guessed at: %j',
    (name) => {
      expect(secretsOf([]).named(name)).toBeUndefined();
    },
  );

  test('have a version that follows their content', () => {
    expect(secretsOf([]).named('default')?.version).toBe(secretsOf([]).named('default')?.version);
    expect(secretsOf([]).named('default')?.version).not.toBe(secretsOf([]).named(b)?.version);
  });
});
