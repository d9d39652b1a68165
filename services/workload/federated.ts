import type { Registration } from '#policies/documents/index.ts';
import type { SentBundle, TrustNow } from './trust-now.ts';

type Named = readonly (readonly [trustDomain: string, bundle: SentBundle])[];

/** A trust domain as the keys of the Workload API's maps name it. */
export function idOf(trustDomain: string): string {
  return `spiffe://${trustDomain}`;
}

/** Bundles of other trust domains that these registrations entitle to, in the order of their names; never merged. */
export function federatedWith(
  { foreign }: Pick<TrustNow, 'foreign'>,
  registrations: readonly Pick<Registration, 'federatesWith'>[],
): Named {
  const wanted = new Set<string>(registrations.flatMap(({ federatesWith }) => federatesWith));
  return [...foreign].filter(([domain]) => wanted.has(domain));
}

/** The own trust domain's bundle, then those of the others. */
export function knownTo(
  trust: Pick<TrustNow, 'trustDomain' | 'own' | 'foreign'>,
  registrations: readonly Pick<Registration, 'federatesWith'>[],
): Named {
  return [[trust.trustDomain, trust.own], ...federatedWith(trust, registrations)];
}
