import type { Timestamp } from '#proto/gen/google/protobuf/timestamp.ts';
import type { CertificateRecord } from '#proto/gen/garrison/v1/identity.ts';
import type { LedgerEntry } from '../ledger/port.ts';

export function toTimestamp(date: Date): Timestamp {
  const ms = date.getTime();
  const seconds = Math.floor(ms / 1000);
  return { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 };
}

export function fromTimestamp(timestamp: Timestamp | undefined): Date | undefined {
  if (timestamp === undefined) return undefined;
  return new Date(Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000));
}

/** A ledger entry as the admin interface tells it. */
export function toRecord(
  entry: LedgerEntry,
  withCertificate: boolean,
  issuers: readonly Uint8Array[] = [],
): CertificateRecord {
  const optional = (date: Date | undefined): Timestamp | undefined => date && toTimestamp(date);
  return {
    number: BigInt(entry.number),
    serial: entry.serial,
    profile: entry.profile,
    spiffeId: entry.spiffeId,
    dnsNames: entry.dnsNames,
    notBefore: toTimestamp(entry.notBefore),
    notAfter: toTimestamp(entry.notAfter),
    issuerKeyId: entry.issuerKeyId,
    publicKeyHash: entry.publicKeyHash,
    tbsHash: entry.tbsHash,
    caller: entry.caller,
    grant: entry.grant,
    requested: toTimestamp(entry.requestedAt),
    state: entry.state,
    certificate: Buffer.from(withCertificate ? (entry.certificate ?? []) : []),
    reason: entry.reason ?? '',
    concluded: optional(entry.concludedAt),
    revoked: optional(entry.revokedAt),
    revocation: entry.revocation ?? '',
    issuers: issuers.map((der) => Buffer.from(der)),
  };
}
