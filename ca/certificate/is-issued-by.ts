import type { X509Certificate } from 'node:crypto';

/** Whether a certificate names this one as its issuer and carries its signature (RFC 5280 §6.1.3). Its validity is another question. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
