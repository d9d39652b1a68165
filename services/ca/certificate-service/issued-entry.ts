import type { X509Certificate } from 'node:crypto';
import { parseSerial } from '#ca/issue/serial.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { Ledger, LedgerEntry } from '../ledger/port.ts';

export interface IssuedBy {
  readonly ledger: Pick<Ledger, 'find'>;
  readonly authorities: Pick<Authorities, 'all'>;
}

/**
 * What the ledger says of a certificate that a caller has shown: it must be the very one, and neither it nor the authority
 * that signed it revoked by now.
 */
export async function issuedEntry(
  certificate: X509Certificate,
  { ledger, authorities }: IssuedBy,
): Promise<LedgerEntry> {
  const serial = parseSerial(certificate.serialNumber);
  const entry = serial === undefined ? undefined : await ledger.find(serial);
  // Bytes against bytes: a serial alone could be another issuer's.
  if (entry?.certificate === undefined || Buffer.compare(entry.certificate, certificate.raw) !== 0) {
    throw joinAgain('the certificate is not one that this authority has issued');
  }
  if (entry.revokedAt !== undefined) throw joinAgain(`the certificate was revoked at ${entry.revokedAt.toISOString()}`);
  const signer = authorities.all.find(({ issuing }) => hex(issuing.keyId) === entry.issuerKeyId);
  if (signer?.state === 'revoked')
    throw joinAgain(`the authority \`${signer.id}\` that issued the certificate was revoked`);
  return entry;
}

export function joinAgain(message: string): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', message, {
    remedy: 'join again: `garrison identity token create` makes a token',
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
