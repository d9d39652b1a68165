import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const hour = 3_600_000;
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export interface MachineCertificate {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly der: Buffer;
  readonly pem: string;
}

export interface CertificateWishes {
  readonly subject?: string;
  readonly issuer?: MachineCertificate;
  /** Absent: no basicConstraints at all. */
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly usages?: x509.KeyUsageFlags;
  readonly purposes?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly rsaBits?: number;
  readonly extensions?: readonly x509.Extension[];
  readonly keys?: webcrypto.CryptoKeyPair;
}

/** Certificates as somebody else's authority makes them, by a library that is not ours. */
export async function machineCertificate(wishes: CertificateWishes = {}): Promise<MachineCertificate> {
  const { subject = 'CN=machine', issuer, ca, pathLength, usages, purposes, dnsNames = [], rsaBits } = wishes;
  const rsa = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: rsaBits ?? 0,
  };
  const algorithm = rsaBits === undefined ? ecdsa : rsa;
  const keys = wishes.keys ?? (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    notBefore: wishes.notBefore ?? new Date(Date.now() - hour),
    notAfter: wishes.notAfter ?? new Date(Date.now() + 24 * hour),
    signingKey: (issuer?.keys ?? keys).privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: issuer === undefined ? algorithm : signing(issuer.keys),
    extensions: [
      ...(ca === undefined ? [] : [new x509.BasicConstraintsExtension(ca, pathLength, true)]),
      ...(usages === undefined ? [] : [new x509.KeyUsagesExtension(usages, true)]),
      ...(purposes === undefined ? [] : [new x509.ExtendedKeyUsageExtension([...purposes])]),
      ...(dnsNames.length === 0
        ? []
        : [new x509.SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: 'dns', value }) as const))]),
      ...(wishes.extensions ?? []),
    ],
  });
  return { certificate, keys, der: Buffer.from(certificate.rawData), pem: certificate.toString('pem') + '\n' };
}

function signing({ privateKey }: webcrypto.CryptoKeyPair): typeof ecdsa | { name: string; hash: string } {
  return privateKey.algorithm.name === 'ECDSA' ? ecdsa : { name: privateKey.algorithm.name, hash: 'SHA-256' };
}

export function machineAuthority(wishes: CertificateWishes = {}): Promise<MachineCertificate> {
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  return machineCertificate({ subject: 'CN=machines', ca: true, usages: keyCertSign | cRLSign, ...wishes });
}

export async function privateKeyOf({ keys }: MachineCertificate): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64')}\n-----END PRIVATE KEY-----\n`;
}
