import { X509Certificate } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';
import { oids } from '../der/oids.ts';
import { isKey } from '../keys/same-key.ts';
import type { CertificatePlan } from './prepare.ts';
import { profiles } from './profiles.ts';
import { serialOf } from './serial.ts';

/**
 * Reads a finished certificate with OpenSSL (through node:crypto), which shares no code with what wrote it,
 * and refuses to let it leave unless it says what was planned and its signature verifies under the issuer's key.
 */
export function validateIssued(der: Uint8Array, plan: CertificatePlan): void {
  const faults = issuedFaults(der, plan);
  if (faults.length === 0) return;
  throw new GarrisonError('INTERNAL', `the finished certificate is not what was planned: ${faults.join('; ')}`, {
    remedy: 'report it: the certificate was not handed out',
  });
}

export function issuedFaults(der: Uint8Array, plan: CertificatePlan): string[] {
  try {
    return differences(new X509Certificate(der), plan);
  } catch {
    // OpenSSL parses some parts only when they are asked for.
    return ['OpenSSL cannot read it'];
  }
}

function differences(certificate: X509Certificate, plan: CertificatePlan): string[] {
  const profile = profiles[plan.profile];
  const issuerKey = (plan.issuer?.publicKey ?? plan.subjectKey).key;
  const names = [`URI:${plan.id.toString()}`, ...plan.dnsNames.map((name) => `DNS:${name}`)].join(', ');
  const purposes = profile.serverAndClient ? [oids.serverAuth, oids.clientAuth].join() : undefined;
  const usage = certificate.keyUsage as readonly string[] | undefined;
  const checks: readonly (readonly [boolean, string])[] = [
    [certificate.verify(issuerKey), 'the signature does not verify'],
    [serialOf(certificate) === plan.serial, 'another serial'],
    [certificate.subjectAltName === names, 'other names'],
    [certificate.ca === profile.ca, 'the wrong authority bit'],
    [usage?.join() === purposes, 'other purposes'],
    [certificate.validFromDate.getTime() === plan.validity.notBefore.getTime(), 'another beginning'],
    [certificate.validToDate.getTime() === plan.validity.notAfter.getTime(), 'another end'],
    [isKey(certificate.publicKey, plan.subjectKey), 'another key'],
    [((certificate.subject as string | undefined) ?? '') === subjectText(plan), 'another subject'],
    [plan.issuer === undefined || certificate.checkIssued(plan.issuer.certificate), 'another issuer'],
  ];
  return checks.flatMap(([right, fault]) => (right ? [] : [fault]));
}

function subjectText(plan: CertificatePlan): string {
  return plan.commonName === '' ? '' : `O=Garrison\nCN=${plan.commonName}`;
}
