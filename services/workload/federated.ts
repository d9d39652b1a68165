import type { Registration } from '#policies/documents/index.ts';
import type { SentBundle, TrustNow } from './trust-now.ts';

/** A trust domain as the keys of the Workload API's maps name it. */
export function idOf(trustDomain: string): string {
  return `spiffe://${trustDomain}`;
}

/** Bundles of other trust domains that these registrations entitle to, in the order of their names; never merged. */
export function federatedWith(
  { foreign }: Pick<TrustNow, 'foreign'>,
  registrations: readonly Pick<Registration, 'federatesWith'>[],
): readonly (readonly [trustDomain: string, bundle: SentBundle])[] {
  const wanted = new Set<string>(registrations.flatMap(({ federatesWith }) => federatesWith));
  return [...foreign].filter(([domain]) => wanted.has(domain));
}
