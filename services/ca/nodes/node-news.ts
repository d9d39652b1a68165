import type { JwtKey } from '#ca/jwt/jwt-key.ts';
import type { Registration } from '#policies/documents/index.ts';
import type { JwtAuthority, NodeEntry, NodeTrust } from '#proto/gen/garrison/v1/node-entries.ts';
import type { Trust } from '#services/workload/trust.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { Revocations } from '../revocations.ts';
import { entryNameOf } from './node-caller.ts';

export interface TrustParts {
  readonly trust: Trust;
  readonly authorities: Authorities;
  readonly revocations: Revocations;
}

/** A Registration as a node is told of it: what it needs to attest a workload, and nothing of other nodes. */
export function toNodeEntry(registration: Registration): NodeEntry {
  const { spiffeId, selectors, dnsNames, x509TtlSeconds, jwtTtlSeconds, hint, federatesWith } = registration;
  return {
    name: entryNameOf(registration),
    spiffeId,
    selectors,
    dnsNames,
    x509TtlSeconds: x509TtlSeconds ?? 0,
    jwtTtlSeconds: jwtTtlSeconds ?? 0,
    hint: hint ?? '',
    federatesWith,
  };
}

export function toNodeTrust({ trust, authorities, revocations }: TrustParts): NodeTrust {
  const { all, sequence } = authorities;
  return {
    trustDomain: trust.trustDomain,
    sequence: BigInt(sequence),
    roots: buffers(trust.bundle()),
    tainted: all.filter(({ state }) => state === 'tainted').map(({ root }) => Buffer.from(root.der)),
    revoked: [...revocations.serials],
    jwtKeys: trust.jwtKeys().map(toJwtAuthority),
    spent: all.filter(({ state }) => state === 'tainted' || state === 'revoked').map(({ id }) => id),
    foreign: [...trust.foreign()].map(([trustDomain, { roots, jwtKeys }]) => ({
      trustDomain,
      roots: buffers(roots),
      jwtKeys: jwtKeys.map(toJwtAuthority),
    })),
  };
}

function toJwtAuthority({ kid, key }: JwtKey): JwtAuthority {
  return { keyId: kid, key: key.export({ format: 'der', type: 'spki' }) };
}

function buffers(ders: readonly Uint8Array[]): Buffer[] {
  return ders.map((der) => Buffer.from(der));
}
