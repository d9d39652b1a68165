import { GarrisonError } from '#proto/errors/index.ts';
import type { LedgerEntry } from '../ledger/port.ts';
import { grantOf, type Registrations } from '#services/workload/registrations.ts';
import { nodeAttestorOf, nodeSelectorsOf } from '../attest-node/node-grant.ts';
import type { Authenticator } from './claim.ts';
import { issuedEntry, type IssuedBy } from './issued-entry.ts';

/**
 * By current SVID over mTLS: renewal. The TLS layer has verified chain and time; here the very certificate must be the one
 * the ledger knows, not revoked, and the right it stands on must still exist.
 */
export function authenticateSvid(
  issued: IssuedBy,
  registrations: Registrations,
  configured: ReadonlySet<string>,
): Authenticator {
  return async ({ peer: { spiffeId, certificate } }) => {
    if (spiffeId === undefined || certificate === undefined) return undefined;
    const entry = await issuedEntry(certificate, issued);
    const { dnsNames, ttlSeconds } = renewable(entry, registrations, configured);
    const warrant = { caller: `svid:${entry.serial}`, grant: entry.grant };
    return { id: spiffeId, dnsNames, ttlSeconds, warrant, nodeSelectors: nodeSelectorsOf(entry.grant) };
  };
}

/** Whether the right that a certificate stands on still exists. What is not known here is no right. */
function renewable(
  entry: LedgerEntry,
  registrations: Registrations,
  configured: ReadonlySet<string>,
): { dnsNames: readonly string[]; ttlSeconds: number | undefined } {
  const { grant, dnsNames, spiffeId } = entry;
  if (grant.startsWith('registration:')) {
    if (registrations.current === undefined)
      throw new GarrisonError('UNAVAILABLE', 'the registrations are not read yet');
    const found = registrations.current.find((one) => grantOf(one) === grant && one.spiffeId === spiffeId);
    if (found !== undefined) return { dnsNames: found.dnsNames, ttlSeconds: found.x509TtlSeconds };
    throw new GarrisonError('PERMISSION_DENIED', `\`${spiffeId}\` is registered no more`, {
      remedy: `it rested on \`${grant}\`: put that document back, or make a join token`,
    });
  }
  const stands = grant.startsWith('token:') || grant === 'admin' || grant === 'self';
  if (stands || configured.has(nodeAttestorOf(grant) ?? grant)) return { dnsNames, ttlSeconds: undefined };
  throw new GarrisonError('PERMISSION_DENIED', `a certificate by \`${grant.slice(0, 200)}\` is not renewed by itself`, {
    remedy: 'ask for a new one in the way that the first one was asked for',
  });
}
