import type { X509Certificate } from 'node:crypto';
import { parseSerial } from '#ca/issue/serial.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Ledger, LedgerEntry } from '../ledger/port.ts';

/** What the ledger says of a certificate that a caller has shown: it must be the very one, and not revoked by now. */
export async function issuedEntry(certificate: X509Certificate, ledger: Pick<Ledger, 'find'>): Promise<LedgerEntry> {
  const serial = parseSerial(certificate.serialNumber);
  const entry = serial === undefined ? undefined : await ledger.find(serial);
  // Bytes against bytes: a serial alone could be another issuer's.
  if (entry?.certificate === undefined || Buffer.compare(entry.certificate, certificate.raw) !== 0) {
    throw joinAgain('the certificate is not one that this authority has issued');
  }
  if (entry.revokedAt !== undefined) throw joinAgain(`the certificate was revoked at ${entry.revokedAt.toISOString()}`);
  return entry;
}

export function joinAgain(message: string): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', message, {
    remedy: 'join again: `garrison identity token create` makes a token',
  });
}
