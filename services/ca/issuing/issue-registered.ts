import type { PublicKey } from '#ca/keys/public-key.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import { grantOf } from '#services/workload/registrations.ts';
import type { IssuedLeaf, IssuingDesk } from './desk.ts';

/** A leaf as a Registration says it. That the caller is entitled to it has been decided before. */
export function issueRegistered(
  desk: IssuingDesk,
  registration: Registration,
  publicKey: PublicKey,
  caller: string,
): Promise<IssuedLeaf> {
  const { spiffeId, dnsNames, x509TtlSeconds } = registration;
  return desk.issue(
    { id: parseSpiffeId(spiffeId), dnsNames, publicKey, ttlSeconds: desk.allowed(x509TtlSeconds) },
    { caller, grant: grantOf(registration) },
  );
}
