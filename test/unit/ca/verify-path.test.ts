import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { verifyPath } from '#ca/certificate/verify-path.ts';
import {
  machineAuthority,
  machineCertificate,
  type CertificateWishes,
  type MachineCertificate,
} from '#test/fakes/machine-pki.ts';

let root: MachineCertificate;
let other: MachineCertificate;
beforeAll(async () => {
  [root, other] = await Promise.all([machineAuthority(), machineAuthority({ subject: 'CN=other' })]);
});

const verify = (...chain: readonly { readonly der: Buffer }[]): ReturnType<typeof verifyPath> =>
  verifyPath(
    chain.map(({ der }) => der),
    [new X509Certificate(root.der)],
    new Date(),
  );

const under = (wishes: CertificateWishes = {}): Promise<MachineCertificate> =>
  machineCertificate({ issuer: root, ...wishes });

const refusal = expect.objectContaining({ code: expect.stringMatching(/UNAUTHENTICATED|INVALID_ARGUMENT/) as unknown });

describe('a path', () => {
  test('leads from the first certificate through those between to an authority', async () => {
    const between = await machineAuthority({ subject: 'CN=between', issuer: root });
    const leaf = await machineCertificate({ issuer: between, ca: false, dnsNames: ['a.example'] });
    const path = verify(leaf, between);
    expect(Buffer.from(path.leaf.der)).toEqual(leaf.der);
    expect(path.issuers.map((der) => Buffer.from(der))).toEqual([between.der, root.der]);
    expect(verify(await under()).issuers.map((der) => Buffer.from(der))).toEqual([root.der]);
    expect(
      verify(await under({ rsaBits: 2048, purposes: [x509.ExtendedKeyUsage.clientAuth] })).leaf.publicKey.type,
    ).toBe('rsa');
  });

  const bad: [string, () => Promise<readonly { readonly der: Buffer }[]>][] = [
    ['is empty', () => Promise.resolve([])],
    ['is of another authority', async () => [await machineCertificate({ issuer: other })]],
    ['brings its own authority', async () => [await machineCertificate({ issuer: other }), other]],
    ['is signed by nobody but itself', async () => [await machineCertificate()]],
    ['is the authority itself', () => Promise.resolve([root])],
    [
      'misses the one between',
      async () => [await machineCertificate({ issuer: await machineAuthority({ subject: 'CN=x', issuer: root }) })],
    ],
    [
      'anchors one certificate and shows another (azure_imds)',
      async () => [await machineCertificate({ issuer: other }), await under(), root],
    ],
    ['is in the wrong order', async () => [await machineAuthority({ subject: 'CN=x', issuer: root }), await under()]],
    [
      'has an issuer without basicConstraints (CVE-2026-33896)',
      async () => {
        const between = await under({ subject: 'CN=between' });
        return [await machineCertificate({ issuer: between }), between];
      },
    ],
    [
      'has an issuer that is no authority',
      async () => {
        const between = await under({ subject: 'CN=between', ca: false });
        return [await machineCertificate({ issuer: between }), between];
      },
    ],
    [
      'has an issuer that is not for signing',
      async () => {
        const between = await machineAuthority({ issuer: root, subject: 'CN=b', usages: x509.KeyUsageFlags.cRLSign });
        return [await machineCertificate({ issuer: between }), between];
      },
    ],
    [
      'is longer than an issuer allows',
      async () => {
        const first = await machineAuthority({ issuer: root, subject: 'CN=b', pathLength: 0 });
        const second = await machineAuthority({ issuer: first, subject: 'CN=c' });
        return [await machineCertificate({ issuer: second }), second, first];
      },
    ],
    [
      'is longer than five',
      async () => {
        const chain: MachineCertificate[] = [];
        let issuer = root;
        for (let i = 0; i < 5; i += 1) chain.unshift((issuer = await machineAuthority({ issuer, subject: `CN=${i}` })));
        return [await machineCertificate({ issuer }), ...chain];
      },
    ],
    ['is over', async () => [await under({ notAfter: new Date(Date.now() - 1000) })]],
    ['is not yet', async () => [await under({ notBefore: new Date(Date.now() + 100_000) })]],
    ['has a key of 1024 bits', async () => [await under({ rsaBits: 1024 })]],
    ['has a key of 8192 bits', () => hugeKey()],
    ['is for servers only', async () => [await under({ purposes: [x509.ExtendedKeyUsage.serverAuth] })]],
    ['has no purpose at all', async () => [await under({ purposes: [] })]],
    ['is not for signatures', async () => [await under({ usages: x509.KeyUsageFlags.keyEncipherment })]],
    [
      'has a critical extension that nobody knows',
      async () => [await under({ extensions: [new x509.Extension('1.2.3.4', true, new Uint8Array([5, 0]))] })],
    ],
    ['is rubbish', () => Promise.resolve([{ der: Buffer.from('rubbish') }])],
    ['is cut', async () => [{ der: (await under()).der.subarray(0, 200) }]],
    ['has something after it', async () => [{ der: Buffer.concat([(await under()).der, Buffer.from([0])]) }]],
    [
      'is too long',
      async () => [await under({ dnsNames: Array.from({ length: 500 }, (_, i) => `name-${i}.example`) })],
    ],
  ];

  test.each(bad)('not where it %s', async (_, chain) => {
    const shown = await chain();
    expect(() => verify(...shown)).toThrow(refusal);
  });

  test('not where one bit of a certificate is another', async () => {
    const { der } = await under();
    for (let at = 4; at < der.length; at += 7) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => verify({ der: changed })).toThrow();
    }
  });
});

/** Signed over somebody else's huge modulus: making such a key takes longer than refusing it. */
async function hugeKey(): Promise<readonly { readonly der: Buffer }[]> {
  const { der } = await under({ rsaBits: 4096 });
  const jwk = { kty: 'RSA', e: 'AQAB', n: Buffer.alloc(1024, 0xc3).toString('base64url') };
  const { webcrypto } = await import('node:crypto');
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const publicKey = await webcrypto.subtle.importKey('jwk', jwk, algorithm, true, ['verify']);
  expect(der.length).toBeGreaterThan(0);
  const keys = { publicKey, privateKey: root.keys.privateKey };
  return [await under({ keys })];
}
