import { hash, X509Certificate } from 'node:crypto';
import { oids } from '../der/oids.ts';
import {
  readBasicConstraints,
  readCertificate,
  readKeyUsage,
  readSubjectKeyId,
} from '../certificate/read-certificate.ts';
import { keyUsages } from '../certificate/write-extensions.ts';
import { readPublicKey, type PublicKey } from '../keys/public-key.ts';
import type { Validity } from './validity.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/** A certificate authority's certificate, read for issuing under it. */
export interface Issuer {
  readonly der: Uint8Array;
  readonly certificate: X509Certificate;
  /** Whole Name, byte for byte what goes into the issuer field. */
  readonly subject: Uint8Array;
  readonly keyId: Uint8Array;
  readonly publicKey: PublicKey;
  readonly validity: Validity;
  /** How many authorities may stand between it and a leaf; undefined: any number. */
  readonly pathLength: number | undefined;
}

/** SHA-256 of the key's bits, cut to 20 bytes (RFC 7093 §2, method 1). */
export function keyIdOf(key: PublicKey): Uint8Array {
  return hash('sha256', key.bits, 'buffer').subarray(0, 20);
}

/** Refuses a certificate that may not sign others: without basicConstraints nothing is an authority (node-forge CVE-2026-33896). */
export function readIssuer(der: Uint8Array): Issuer {
  const { tbs } = readCertificate(der);
  const constraints = tbs.extensions.get(oids.basicConstraints);
  const usage = tbs.extensions.get(oids.keyUsage);
  const { ca, pathLength } =
    constraints === undefined ? { ca: false, pathLength: undefined } : readBasicConstraints(constraints.value);
  if (!ca || usage === undefined || !readKeyUsage(usage.value).includes(keyUsages.keyCertSign)) {
    throw new GarrisonError('INVALID_ARGUMENT', 'the certificate is not one of a certificate authority', {
      remedy: 'use one with basic constraints `CA:TRUE` and the key usage `keyCertSign`',
    });
  }
  const publicKey = readPublicKey(tbs.spki, 'authority’s key');
  const named = tbs.extensions.get(oids.subjectKeyIdentifier);
  return {
    der,
    certificate: new X509Certificate(der),
    subject: tbs.subject,
    keyId: named === undefined ? keyIdOf(publicKey) : readSubjectKeyId(named.value),
    publicKey,
    validity: { notBefore: tbs.notBefore, notAfter: tbs.notAfter },
    pathLength,
  };
}
