import { X509Certificate } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';
import { readCertificate } from '../certificate/read-certificate.ts';
import { oids } from '../der/oids.ts';
import { signatureAlgorithm, signatureHash } from '../keys/signer.ts';
import { verifyHere, type Verify } from '../keys/verify.ts';
import type { CertificatePlan } from './prepare.ts';
import { profiles } from './profiles.ts';

/**
 * Reads a finished certificate with OpenSSL (through node:crypto), which shares no code with what wrote it,
 * and refuses to let it leave unless it says what was planned and its signature verifies under the issuer's key.
 */
export async function validateIssued(der: Uint8Array, plan: CertificatePlan, verify: Verify): Promise<void> {
  const faults = await issuedFaults(der, plan, verify);
  if (faults.length === 0) return;
  throw new GarrisonError('INTERNAL', `the finished certificate is not what was planned: ${faults.join('; ')}`, {
    remedy: 'report it: the certificate was not handed out',
  });
}

export async function issuedFaults(
  der: Uint8Array,
  plan: CertificatePlan,
  verify: Verify = verifyHere,
): Promise<string[]> {
  try {
    const faults = differences(new X509Certificate(der), plan);
    // Of what was signed our own strict reader says where it ends, as in a certificate of anybody else.
    const { tbsBytes, signatureAlgorithm: algorithm, signature } = readCertificate(der);
    const { key, type } = plan.issuer?.publicKey ?? plan.subjectKey;
    if (Buffer.compare(algorithm, signatureAlgorithm(type)) !== 0) return [...faults, 'another algorithm'];
    const right = await verify(signatureHash(type), tbsBytes, key, signature);
    return right ? faults : [...faults, 'the signature does not verify'];
  } catch {
    // OpenSSL parses some parts only when they are asked for.
    return ['it cannot be read'];
  }
}

function differences(certificate: X509Certificate, plan: CertificatePlan): string[] {
  const profile = profiles[plan.profile];
  const names = [`URI:${plan.id.toString()}`, ...plan.dnsNames.map((name) => `DNS:${name}`)].join(', ');
  const purposes = profile.serverAndClient ? [oids.serverAuth, oids.clientAuth].join() : undefined;
  const usage = certificate.keyUsage as readonly string[] | undefined;
  const checks: readonly (readonly [boolean, string])[] = [
    [certificate.serialNumber.toLowerCase().padStart(40, '0') === plan.serial, 'another serial'],
    [certificate.subjectAltName === names, 'other names'],
    [certificate.ca === profile.ca, 'the wrong authority bit'],
    [usage?.join() === purposes, 'other purposes'],
    [certificate.validFromDate.getTime() === plan.validity.notBefore.getTime(), 'another beginning'],
    [certificate.validToDate.getTime() === plan.validity.notAfter.getTime(), 'another end'],
    [certificate.publicKey.equals(plan.subjectKey.key), 'another key'],
    [((certificate.subject as string | undefined) ?? '') === subjectText(plan), 'another subject'],
    [plan.issuer === undefined || certificate.checkIssued(plan.issuer.certificate), 'another issuer'],
  ];
  return checks.flatMap(([right, fault]) => (right ? [] : [fault]));
}

function subjectText(plan: CertificatePlan): string {
  return plan.commonName === '' ? '' : `O=Garrison\nCN=${plan.commonName}`;
}
