import { readIssuer } from '#ca/issue/issuer.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { Ledger, LedgerEntry } from '../ledger/port.ts';

/** More authorities than this has no trust domain that anybody oversees. */
const mostAuthorities = 1000;
/** A chain that is longer is a circle. */
const longestChain = 8;

interface Records {
  readonly authorities: Authorities;
  readonly ledger: Ledger;
  readonly trustDomain: TrustDomain;
}

/** The certificates above one of the ledger, its root last: as far as they are still known. */
export async function issuersOf(entry: LedgerEntry, records: Records): Promise<readonly Uint8Array[]> {
  return entry.profile === 'root' ? [] : climb(entry.issuerKeyId, records, longestChain);
}

async function climb(keyId: string, records: Records, left: number): Promise<readonly Uint8Array[]> {
  if (left === 0) return [];
  const { all } = records.authorities;
  const signing = all.find(({ issuing }) => hex(issuing.keyId) === keyId);
  if (signing !== undefined) return signing.chain;
  const root = all.find((one) => hex(one.root.keyId) === keyId)?.root;
  if (root !== undefined) return [root.der];
  const former = await formerIssuer(keyId, records);
  if (former === undefined) return [];
  return [former.certificate, ...(await climb(former.issuerKeyId, records, left - 1))];
}

/** An intermediate that was renewed since: as the ledger recorded it when it was signed. */
async function formerIssuer(
  keyId: string,
  { ledger, trustDomain }: Records,
): Promise<{ certificate: Uint8Array; issuerKeyId: string } | undefined> {
  const filter = { spiffeId: `spiffe://${trustDomain}`, state: 'issued', limit: mostAuthorities } as const;
  for (const { serial, issuerKeyId, profile } of await ledger.list(filter)) {
    if (profile !== 'intermediate') continue;
    const certificate = (await ledger.find(serial))?.certificate;
    if (certificate !== undefined && hex(readIssuer(certificate).keyId) === keyId) return { certificate, issuerKeyId };
  }
  return undefined;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
