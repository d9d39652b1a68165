import { parseSerial } from '#ca/issue/serial.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { dateOf } from './certificate-text.ts';

const pageSize = 1000;

/** DER of the certificate that a serial or an identity names, and of those above it, the root last. */
export async function certificateToExport(
  client: IdentityAdminClient,
  named: string,
  now: Date,
): Promise<readonly Uint8Array[]> {
  const serial = parseSerial(named) ?? (await newestOf(client, parseSpiffeId(named).toString(), now));
  const { certificate, issuers } = await callUnary(client.getCertificate.bind(client), { serial });
  if (certificate.length > 0) return [certificate, ...issuers];
  throw new GarrisonError('FAILED_PRECONDITION', `the certificate \`${serial}\` was never issued`, {
    remedy: '`garrison identity list --state issued` shows those that were',
  });
}

/** Of an identity's certificates, the newest that is good now. */
async function newestOf(client: IdentityAdminClient, spiffeId: string, now: Date): Promise<string> {
  const filter = { spiffeId, caller: '', state: 'issued', from: undefined, to: undefined, before: 0n, limit: pageSize };
  const { certificates } = await callUnary(client.listCertificates.bind(client), filter);
  const good = certificates.find(
    ({ revoked, notAfter }) => revoked === undefined && (dateOf(notAfter) ?? '') >= now.toISOString(),
  );
  if (good !== undefined) return good.serial;
  throw new GarrisonError('NOT_FOUND', `\`${spiffeId}\` has no certificate that is good now`, {
    remedy: '`garrison identity list --spiffe-id` shows those it had; any of them is exported by its serial',
  });
}
