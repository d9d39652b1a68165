import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as der from '#ca/der/write.ts';
import { readCertificate } from '#ca/certificate/read-certificate.ts';
import { lint, lintFaults, type LintedTbs } from '#ca/issue/lint.ts';
import { prepare, type CertificatePlan } from '#ca/issue/prepare.ts';
import { newSerial, parseSerial } from '#ca/issue/serial.ts';
import { sign } from '#ca/issue/sign.ts';
import { issuedFaults } from '#ca/issue/validate.ts';
import { validityFor } from '#ca/issue/validity.ts';
import { keySigner, type Signer } from '#ca/keys/signer.ts';
import { encodePem } from '#ca/pem.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import { leafPlan, newSigner, testAuthority, type TestAuthority } from '#test/fakes/test-authority.ts';
import { testWith } from '#test/fakes/installed.ts';

const now = new Date(Math.floor(Date.now() / 1000) * 1000);
let authority: TestAuthority;
beforeAll(async () => {
  authority = await testAuthority(now);
});

const issue = (plan: CertificatePlan, signer = authority.signer): Promise<Uint8Array> =>
  sign(lint(prepare(plan)), signer);

function opensslVerify(der: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'garrison-'));
  try {
    const file = (name: string, bytes: Uint8Array): string => {
      writeFileSync(join(folder, name), encodePem('CERTIFICATE', bytes));
      return join(folder, name);
    };
    const root = file('root.pem', authority.root.der);
    const issuing = file('issuing.pem', authority.issuing.der);
    const args = ['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', root, '-untrusted', issuing];
    return execFileSync('openssl', [...args, file('leaf.pem', der)], { encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('a leaf', () => {
  const subjects: Record<string, () => Signer> = {
    'P-256': () => newSigner(),
    'P-384': () => newSigner('P-384'),
    Ed25519: () => keySigner(generateKeyPairSync('ed25519').privateKey),
    RSA: () => keySigner(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
  };

  testWith('openssl').each(Object.entries(subjects))(
    'with a %s key is what openssl -x509_strict accepts',
    async (_, make) => {
      const plan = leafPlan(authority, now, { subjectKey: make().publicKey });
      expect(opensslVerify(await issue(plan))).toMatch(/OK/);
    },
  );

  testWith('openssl')('says what X509-SVID asks for, in openssl’s words', async () => {
    const leaf = await issue(leafPlan(authority, now));
    const text = execFileSync('openssl', ['x509', '-inform', 'DER', '-noout', '-text'], { input: leaf }).toString();
    expect(text).toMatch(/Subject: *\n/);
    expect(text).toMatch(/Basic Constraints: critical\n\s+CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\n\s+Digital Signature\n/);
    expect(text).toMatch(/TLS Web Server Authentication, TLS Web Client Authentication/);
    expect(text).toMatch(
      /Alternative Name: critical\n\s+URI:spiffe:\/\/example.org\/ns\/shop\/sa\/cart, DNS:cart.shop.svc\n/,
    );
  });

  test('carries its issuer’s name byte for byte', async () => {
    const { tbs } = readCertificate(await issue(leafPlan(authority, now)));
    expect(Buffer.compare(tbs.issuer, authority.issuing.subject)).toBe(0);
  });

  test('of a P-384 authority verifies too', async () => {
    const other = await testAuthority(now, 'P-384');
    const leaf = new X509Certificate(await issue(leafPlan(other, now), other.signer));
    expect(leaf.verify(other.issuing.publicKey.key)).toBe(true);
  });
});

describe('the order of issuing cannot be cut short', () => {
  test('what passed the lint is signed once', async () => {
    const linted = lint(prepare(leafPlan(authority, now)));
    await sign(linted, authority.signer);
    await expect(sign(linted, authority.signer)).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  test('a look-alike is not signed', async () => {
    const linted = lint(prepare(leafPlan(authority, now)));
    const forged = Object.create(linted) as LintedTbs;
    await expect(sign(forged, authority.signer)).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  test('a signer with another key is found out', async () => {
    await expect(issue(leafPlan(authority, now), newSigner())).rejects.toThrow(/signature does not verify/);
  });
});

/** A plan is prepared, then the lint reads its bytes against a plan that differs in one thing. */
describe('lint names what differs:', () => {
  const others: Record<string, [() => Partial<CertificatePlan>, RegExp]> = {
    serial: [() => ({ serial: newSerial(2, now, (n) => new Uint8Array(n)) }), /4\.1\.2\.2/],
    identity: [() => ({ id: parseSpiffeId('spiffe://example.org/other') }), /X509-SVID §2 URI/],
    'identity without a path': [() => ({ id: parseSpiffeId('spiffe://example.org') }), /X509-SVID §2 URI/],
    'DNS names': [() => ({ dnsNames: [] }), /4\.2\.1\.6/],
    key: [() => ({ subjectKey: newSigner().publicKey }), /4\.1\.2\.7/],
    validity: [() => ({ validity: { notBefore: now, notAfter: now } }), /4\.1\.2\.5/],
    profile: [() => ({ profile: 'intermediate' as const }), /4\.1 basicConstraints/],
    issuer: [() => ({ issuer: authority.root }), /4\.1\.2\.4/],
  };
  test.each(Object.entries(others))('%s', (_, [more, why]) => {
    const plan = leafPlan(authority, now);
    expect(lintFaults(plan, prepare(plan).tbs)).toEqual([]);
    expect(lintFaults({ ...plan, ...more() }, prepare(plan).tbs).join('\n')).toMatch(why);
  });
});

/** A plan that breaks a rule by itself is prepared faithfully and then refused. */
describe('lint refuses a plan for', () => {
  const bad: Record<string, [() => Partial<CertificatePlan>, RegExp]> = {
    'an identity without a path': [() => ({ id: parseSpiffeId('spiffe://example.org') }), /the path is not/],
    'a name that is no DNS name': [() => ({ dnsNames: ['a b'] }), /a DNS name that is none/],
    'an IP address as a DNS name': [() => ({ dnsNames: ['10.0.0.1'] }), /a DNS name that is none/],
    'a subject': [() => ({ commonName: 'x' }), /X509-SVID §2 subject/],
    'eight days': [
      () => ({ validity: validityFor({ now, seconds: 8 * 86_400, backdateSeconds: 0, within: undefined }) }),
      /too long/,
    ],
    'longer than the issuer': [
      () => ({ validity: { notBefore: new Date(now.getTime() - 3_600_000), notAfter: now } }),
      /outlives/,
    ],
    'the issuer’s own key': [() => ({ subjectKey: authority.issuing.publicKey }), /share a key/],
    'an end before the beginning': [
      () => ({ validity: { notBefore: now, notAfter: new Date(now.getTime() - 1000) } }),
      /ends before/,
    ],
    'an authority below one that may sign leaves only': [
      () => ({
        profile: 'intermediate' as const,
        issuer: { ...authority.issuing, pathLength: 0 },
        commonName: 'x',
        id: parseSpiffeId('spiffe://example.org'),
        dnsNames: [],
      }),
      /leaves only/,
    ],
    'an authority above more authorities than its issuer may be above': [
      () => ({
        profile: 'intermediate' as const,
        issuer: { ...authority.issuing, pathLength: 1 },
        pathLength: 1,
        commonName: 'x',
        id: parseSpiffeId('spiffe://example.org'),
        dnsNames: [],
      }),
      /more authorities could stand/,
    ],
    'an Ed25519 authority': [
      () => ({
        profile: 'intermediate' as const,
        issuer: authority.root,
        commonName: 'x',
        subjectKey: keySigner(generateKeyPairSync('ed25519').privateKey).publicKey,
      }),
      /allows no ed25519/,
    ],
  };
  test.each(Object.entries(bad))('%s', (_, [more, why]) => {
    const plan = leafPlan(authority, now, more());
    expect(() => lint(prepare(plan))).toThrow(why);
  });
});

test('a finished certificate with one changed byte does not leave', async () => {
  const plan = leafPlan(authority, now);
  const leaf = await issue(plan);
  expect(issuedFaults(leaf, plan)).toEqual([]);
  for (let at = 0; at < leaf.length; at += 7) {
    const changed = Uint8Array.from(leaf);
    changed[at]! ^= 0x01;
    expect(issuedFaults(changed, plan)).not.toEqual([]);
  }
});

describe('serials', () => {
  test('are positive, below 2^159, and grow with time', () => {
    const at = (ms: number): string => newSerial(127, new Date(ms), (n) => new Uint8Array(n).fill(0xff));
    expect(BigInt(`0x${at(2 ** 40 - 1)}`)).toBeLessThan(2n ** 159n);
    expect(at(1) > at(0)).toBe(true);
    const element = der.unsignedInteger(Buffer.from(at(0), 'hex'));
    expect(element.length).toBe(22);
  });

  test('refuse an instance that would make them negative, and too little randomness', () => {
    expect(() => newSerial(128, now, (n) => new Uint8Array(n))).toThrow(/instance/);
    expect(() => newSerial(0, now, (n) => new Uint8Array(n))).toThrow(/instance/);
    expect(() => newSerial(1, now, () => new Uint8Array(4))).toThrow(/random/);
  });

  test('are read as other tools print them', () => {
    const serial = newSerial(1, now, (n) => new Uint8Array(n));
    expect(parseSerial(serial.replace(/^0+/, '').toUpperCase())).toBe(serial);
    expect(parseSerial(serial.replace(/..(?=.)/g, '$&:'))).toBe(serial);
    expect(parseSerial('xyz')).toBeUndefined();
    expect(parseSerial('')).toBeUndefined();
  });
});

describe('validity', () => {
  const within = { notBefore: new Date('2030-01-01T00:00:00Z'), notAfter: new Date('2030-12-31T23:59:59Z') };
  const at = (text: string, seconds = 3600): ReturnType<typeof validityFor> =>
    validityFor({ now: new Date(text), seconds, backdateSeconds: 60, within });

  test('is back-dated, inclusive and whole seconds', () => {
    expect(at('2030-06-01T00:00:00.900Z')).toEqual({
      notBefore: new Date('2030-05-31T23:59:00Z'),
      notAfter: new Date('2030-06-01T00:59:59Z'),
    });
  });

  test('stays within the issuer’s', () => {
    expect(at('2030-01-01T00:00:10Z').notBefore).toEqual(within.notBefore);
    expect(at('2030-12-31T23:30:00Z').notAfter).toEqual(within.notAfter);
  });

  test('is refused by an issuer that is over or has not begun', () => {
    expect(() => at('2031-01-01T00:00:00Z')).toThrow(/not valid now/);
    expect(() => at('2029-12-31T23:59:59Z')).toThrow(/not valid now/);
    expect(() => at('2030-06-01T00:00:00Z', 0)).toThrow(/0 seconds/);
  });

  test('turns to four-digit years in 2050', async () => {
    const late = new Date('2049-12-31T23:30:00Z');
    const other = await testAuthority(late);
    const leaf = new X509Certificate(await issue(leafPlan(other, late), other.signer));
    expect(leaf.validToDate).toEqual(new Date('2050-01-01T00:29:59Z'));
  });
});
