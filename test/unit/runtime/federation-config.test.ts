import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { GarrisonError } from '#proto/errors/index.ts';
import { readConfig, type Config } from '#runtime/config/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'gfs-'));
afterAll(() => rmSync(folder, { recursive: true }));

function read(ca: string): Config['ca'] {
  const path = join(folder, 'garrison.yaml');
  writeFileSync(path, `ca:\n${ca.replace(/^/gm, '  ')}\n`);
  return readConfig({ path, env: {}, cwd: folder }).ca;
}

function refusalOf(ca: string): string {
  try {
    read(ca);
  } catch (error) {
    if (error instanceof GarrisonError) return error.message;
    throw error;
  }
  throw new Error('was accepted');
}

describe('ca.federation', () => {
  test('names a trust domain and all that is needed to ask for its bundle', () => {
    const { federation } = read(`federation:
  - { trustDomain: a.test, url: "https://a.test/bundle", profile: https_web, authorities: ./roots.pem, refresh: 30s }
  - { trustDomain: b.test, url: "https://10.0.0.1:8443", profile: https_spiffe, endpointSpiffeId: spiffe://b.test/x, bundle: b.json }
  - { trustDomain: c.test, bundle: /c.json }`);
    expect(federation).toMatchObject([
      { trustDomain: 'a.test', refreshMs: 30_000, endpoint: { authorities: join(folder, 'roots.pem') } },
      { trustDomain: 'b.test', bundle: join(folder, 'b.json'), endpoint: { profile: 'https_spiffe' } },
      { trustDomain: 'c.test', bundle: '/c.json', endpoint: undefined },
    ]);
    expect(federation[1]?.endpoint?.url.href).toBe('https://10.0.0.1:8443/');
    expect(read('admin: 127.0.0.1:0').federation).toEqual([]);
  });

  const web = 'trustDomain: a.test, profile: https_web';
  test.each([
    [`{ ${web}, url: "http://a.test/" }`, /is no https URL/],
    [`{ ${web}, url: "https://me:secret@a.test/" }`, /is no https URL/],
    [`{ ${web}, url: "https://a.test/#x" }`, /is no https URL/],
    [`{ ${web} }`, /`url` and `profile` belong together/],
    ['{ trustDomain: a.test, url: "https://a.test/" }', /`url` and `profile` belong together/],
    ['{ trustDomain: A.test, bundle: x }', /trust domain/],
    ['{ trustDomain: a.test, profile: https_spiffe, url: "https://a.test/" }', /`endpointSpiffeId` belongs/],
    [`{ ${web}, url: "https://a.test/", endpointSpiffeId: spiffe://a.test/x }`, /`endpointSpiffeId` belongs/],
    [
      '{ trustDomain: a.test, profile: https_spiffe, url: "https://a.test/", endpointSpiffeId: spiffe://a.test }',
      /not a workload/,
    ],
    [
      '{ trustDomain: a.test, profile: https_spiffe, url: "https://a.test/", endpointSpiffeId: spiffe://a.test/x, authorities: y }',
      /`authorities` belongs/,
    ],
    [`{ ${web}, url: "https://a.test/", refresh: 10ms }`, /refresh/],
    ['{ trustDomain: a.test, bundle: x }\n  - { trustDomain: a.test, bundle: y }', /names `a.test` twice/],
  ])('refuses %s', (written, reason) => {
    expect(() => read(`federation:\n  - ${written}`)).toThrow(reason);
  });
});

describe('a profile that is none', () => {
  test.each([
    'federation:\n  - { trustDomain: a.test, url: "https://a.test/", profile: https_spifee, endpointSpiffeId: spiffe://a.test/x }',
    'federation:\n  - { trustDomain: a.test, url: "https://a.test/", profile: https_wb, authorities: a.pem }',
    'bundleEndpoint: { listen: 127.0.0.1:8443, profile: https_webb, certificate: c.pem, key: k.pem }',
    'bundleEndpoint: { listen: 127.0.0.1:8443, profile: spiffe }',
  ])('%s draws no other fault', (written) => {
    expect(refusalOf(written)).toMatch(/^ca\.\S+\.profile: must be one of `https_\w+`, `https_\w+`, not `\w+`$/);
  });

  test.each([
    ['federation:\n  - { trustDomain: a.test, url: "http://a.test/", profile: https_web }', /no https URL/],
    ['keys: { kind: pkcs11, module: /p11.so, slot: -1, pin: ./pin }', /slot: `-1`/],
    ['upstream: { disk: { certificate: a } }', /key: is missing/],
    ['upstream: { spiffe: { address: nowhere, token: t } }', /upstream.spiffe.address/],
  ])('nor does another value that is none: %s', (written, reason) => {
    const refusal = refusalOf(written);
    expect(refusal).toMatch(reason);
    expect(refusal).not.toContain('faults');
  });
});

describe('ca.bundleEndpoint', () => {
  test('is an address, or more', () => {
    const listen = { host: '127.0.0.1', port: 8443 };
    expect(read('bundleEndpoint: 127.0.0.1:8443').bundleEndpoint).toEqual({
      listen,
      web: undefined,
      refreshHintMs: 300_000,
    });
    const web = { certificate: join(folder, 'c.pem'), key: join(folder, 'k.pem') };
    expect(
      read(
        'bundleEndpoint: { listen: 127.0.0.1:8443, profile: https_web, certificate: c.pem, key: k.pem, refreshHint: 1m }',
      ).bundleEndpoint,
    ).toEqual({ listen, web, refreshHintMs: 60_000 });
  });

  test.each([
    'bundleEndpoint: { listen: 127.0.0.1:8443, profile: https_web, certificate: c.pem }',
    'bundleEndpoint: { listen: 127.0.0.1:8443, certificate: c.pem, key: k.pem }',
  ])('refuses %s', (written) => {
    expect(() => read(written)).toThrow(/belong to the profile `https_web`/);
  });
});

test.each(['http://id.test', 'https://id.test/', 'https://id.test?x', 'id.test', 'https://me@id.test'])(
  'ca.oidcDiscovery refuses the issuer %s',
  (issuer) => {
    const rest = 'listen: 127.0.0.1:0, certificate: c, key: k';
    expect(() => read(`oidcDiscovery: { issuer: "${issuer}", ${rest} }`)).toThrow(/issuer/);
    expect(read(`oidcDiscovery: { issuer: "https://id.test/x", ${rest} }`).oidcDiscovery?.issuer).toBe(
      'https://id.test/x',
    );
  },
);
