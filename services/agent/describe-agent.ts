import { X509Certificate } from 'node:crypto';
import { grantOf } from '#services/workload/registrations.ts';
import type { AgentCore } from './agent-core.ts';

/** What `/status` says. */
export function describeAgent(
  { identity, authority, registrations, keeper, source }: AgentCore,
  streams: number,
): unknown {
  const { spiffeId, certificates, expiresAt } = identity.current();
  return {
    service: 'agent',
    identity: {
      id: spiffeId.toString(),
      serial: new X509Certificate(certificates[0] ?? '').serialNumber.toLowerCase(),
      expires: expiresAt,
      refused: identity.refused ?? null,
    },
    authority: authority.describe(),
    workloads: {
      streams,
      entries: registrations.current?.length ?? null,
      svids: keeper.size.kept,
      held: keeper.size.held,
      tokens: source.size,
    },
  };
}

/** What `/revision` says: the bundle in force, and how fresh it is. */
export function describeTrust({ trust, authority }: AgentCore): unknown {
  const { trustDomain, roots, tainted, revoked } = trust.toBundle();
  const foreign = [...trust.foreign()].map(([name, bundle]) => ({ trustDomain: name, roots: bundle.roots.length }));
  return {
    revision: trust.sequence,
    trustDomain,
    roots: roots.map((der) => ({ hash: fingerprint(der), tainted: tainted.some((one) => one.equals(der)) })),
    revoked: revoked.length,
    foreign,
    ...authority.describe(),
  };
}

/** What `/entries` says. */
export function describeEntries({ registrations, keeper }: AgentCore): unknown {
  const held = keeper.held();
  return (registrations.current ?? []).map((registration) => {
    const { metadata, spiffeId, selectors, hint, federatesWith } = registration;
    const svid = held.get(grantOf(registration));
    return {
      name: `${metadata.namespace}/${metadata.name}`,
      spiffeId,
      selectors,
      hint: hint ?? null,
      federatesWith,
      svid: svid === undefined ? null : { serial: svid.serial, expires: svid.notAfter },
    };
  });
}

function fingerprint(der: Uint8Array): string {
  return new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase();
}
