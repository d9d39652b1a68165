import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import type { ForeignBundle, Trust } from './trust.ts';

/** A trust domain as the keys of the Workload API's maps name it. */
export function idOf(trustDomain: string): string {
  return `spiffe://${trustDomain}`;
}

/** Bundles of other trust domains that these registrations entitle to, in the order of their names; never merged. */
export function federatedWith(
  trust: Pick<Trust, 'foreign' | 'trustDomain'>,
  registrations: readonly Pick<Registration, 'federatesWith'>[],
): readonly (readonly [TrustDomain, ForeignBundle])[] {
  const wanted = new Set(registrations.flatMap(({ federatesWith }) => federatesWith));
  // INVARIANT: what a foreign authority says never speaks for the own trust domain.
  const found = [...trust.foreign()].filter(([domain]) => wanted.has(domain) && domain !== trust.trustDomain);
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Concatenated DER, as the Workload API carries the roots of a trust domain. */
export function rootsByDomain(federated: ReturnType<typeof federatedWith>): Map<string, Buffer> {
  return new Map(federated.map(([trustDomain, { roots }]) => [idOf(trustDomain), Buffer.concat(roots)]));
}
