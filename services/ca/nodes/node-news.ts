import type { JwtKey } from '#ca/jwt/jwt-key.ts';
import type { Registration } from '#policies/documents/index.ts';
import { NodeTrust, type JwtAuthority, type NodeEntry } from '#proto/gen/garrison/v1/node-entries.ts';
import type { Changes } from '#services/workload/changes.ts';
import { entryNameOf } from '#services/workload/registrations.ts';
import type { Trust } from '#services/workload/trust.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { Revocations } from '../revocations.ts';

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

/** Made once per change, however many nodes listen. The same object for as long as it says the same. */
export class NodeTrustReader {
  readonly #parts: TrustParts;
  readonly #changes: Changes;
  #version = -1;
  #now: { readonly trust: NodeTrust; readonly bytes: Uint8Array } | undefined;

  constructor(parts: TrustParts, changes: Changes) {
    this.#parts = parts;
    this.#changes = changes;
  }

  now(): NodeTrust {
    const { version } = this.#changes;
    if (this.#now !== undefined && this.#version === version) return this.#now.trust;
    const trust = toNodeTrust(this.#parts);
    const bytes = NodeTrust.encode(trust).finish();
    this.#version = version;
    if (this.#now === undefined || Buffer.compare(this.#now.bytes, bytes) !== 0) this.#now = { trust, bytes };
    return this.#now.trust;
  }
}

function toNodeTrust({ trust, authorities, revocations }: TrustParts): NodeTrust {
  return {
    trustDomain: trust.trustDomain,
    sequence: BigInt(authorities.sequence),
    roots: buffers(trust.bundle()),
    tainted: buffers(authorities.tainted()),
    revoked: [...revocations.serials],
    jwtKeys: trust.jwtKeys().map(toJwtAuthority),
    spent: revocations.spent(authorities),
    refused: buffers(revocations.refused(authorities)),
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
