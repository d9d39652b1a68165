import type { CertificateRecord } from '#proto/gen/garrison/v1/identity.ts';
import type { Timestamp } from '#proto/gen/google/protobuf/timestamp.ts';
import { encodePem } from '#ca/pem.ts';

export function dateOf(timestamp: Timestamp | undefined): string | null {
  if (timestamp === undefined) return null;
  return new Date(Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000)).toISOString();
}

type Shown = string | bigint | readonly string[] | null;

/** A record of the ledger as JSON shows it. */
export function recordJson(record: CertificateRecord): Record<string, Shown> {
  const { number, certificate, notBefore, notAfter, requested, concluded, revoked, issuers: _above, ...rest } = record;
  return {
    number,
    ...rest,
    reason: rest.reason === '' ? null : rest.reason,
    revocation: rest.revocation === '' ? null : rest.revocation,
    notBefore: dateOf(notBefore),
    notAfter: dateOf(notAfter),
    requested: dateOf(requested),
    concluded: dateOf(concluded),
    revoked: dateOf(revoked),
    ...(certificate.length === 0 ? {} : { certificate: encodePem('CERTIFICATE', certificate) }),
  };
}

/** One line of a list. */
export function recordLine(record: CertificateRecord): string {
  const { serial, state, spiffeId, caller, revoked } = record;
  const condition = revoked === undefined ? state : 'revoked';
  return `${dateOf(record.requested) ?? ''}  ${serial}  ${condition.padEnd(8)}  ${spiffeId}  until ${dateOf(record.notAfter) ?? ''}  by ${caller}`;
}

/** Everything, one thing a line. */
export function recordDetails(record: CertificateRecord): string {
  const lines = Object.entries(recordJson(record)).flatMap(([name, value]) => {
    const text = typeof value === 'object' ? (value ?? []).join(', ') : String(value);
    return name === 'certificate' || text === '' ? [] : [`${name.padEnd(14)} ${text}`];
  });
  if (record.certificate.length > 0) lines.push(encodePem('CERTIFICATE', record.certificate).trimEnd());
  return lines.join('\n');
}
