import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Ledger } from './ledger/port.ts';

const pageSize = 1000;

/** Intermediates that were revoked by themselves and have not ended: former ones of ours, those of authorities below. */
export async function revokedIssuers(
  ledger: Pick<Ledger, 'list'>,
  trustDomain: TrustDomain,
  now: Date,
): Promise<readonly Issuer[]> {
  const found: Issuer[] = [];
  let before: number | undefined;
  for (;;) {
    const page = await ledger.list({ spiffeId: `spiffe://${trustDomain}`, before, limit: pageSize });
    for (const { profile, certificate, revokedAt, notAfter } of page) {
      const counts = profile === 'intermediate' && revokedAt !== undefined && notAfter >= now;
      if (counts && certificate !== undefined) found.push(readIssuer(certificate));
    }
    before = page.at(-1)?.number;
    if (before === undefined || page.length < pageSize) return found;
  }
}
