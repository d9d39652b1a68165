import { createPublicKey, X509Certificate } from 'node:crypto';
import type { JwtKey } from '#ca/jwt/jwt-key.ts';
import { parseTrustDomain, type TrustDomain } from '#ca/spiffe-id.ts';
import type { TrustBundle } from '#proto/gen/garrison/v1/identity.ts';
import type { JwtAuthority, NodeTrust } from '#proto/gen/garrison/v1/node-entries.ts';
import type { Identity } from '#runtime/identity-source.ts';
import type { ForeignBundle, Trust } from '#services/workload/trust.ts';

interface Known {
  readonly message: NodeTrust;
  readonly jwtKeys: readonly JwtKey[];
  readonly foreign: ReadonlyMap<TrustDomain, ForeignBundle>;
}

/** Whom the authority said to believe, last. Before it said anything: what came with the node's own identity. */
export class KnownTrust implements Trust {
  readonly trustDomain: TrustDomain;
  #known: Known;

  constructor({ spiffeId, bundle }: Identity) {
    this.trustDomain = spiffeId.trustDomain;
    const roots = bundle.map((pem) => new X509Certificate(pem).raw);
    const nothing = { sequence: 0n, tainted: [], revoked: [], jwtKeys: [], spent: [], foreign: [], refused: [] };
    this.#known = read({ ...nothing, trustDomain: this.trustDomain, roots });
  }

  get sequence(): bigint {
    return this.#known.message.sequence;
  }

  /** Authorities whose certificates are to be replaced. */
  get spent(): ReadonlySet<string> {
    return new Set(this.#known.message.spent);
  }

  /** What decides whether tokens that were minted are still good. */
  get tokenPrint(): string {
    const { jwtKeys, spent } = this.#known.message;
    return [...jwtKeys.map(({ keyId }) => keyId), ...spent].join(' ');
  }

  replace(message: NodeTrust): void {
    this.#known = read(message);
  }

  bundle(): readonly Uint8Array[] {
    return this.#known.message.roots;
  }

  jwtKeys(): readonly JwtKey[] {
    return this.#known.jwtKeys;
  }

  foreign(): ReadonlyMap<TrustDomain, ForeignBundle> {
    return this.#known.foreign;
  }

  /** For the node's own identity, and for our own clients on this node, as the authority tells it on its port. */
  toBundle(): TrustBundle {
    const { trustDomain, roots, tainted, sequence, revoked, spent, refused } = this.#known.message;
    return { trustDomain, roots, tainted, sequence, revoked, spent, refused };
  }
}

function read(message: NodeTrust): Known {
  const foreign = message.foreign.map(
    ({ trustDomain, roots, jwtKeys }) =>
      [parseTrustDomain(trustDomain), { roots, jwtKeys: jwtKeys.map(toJwtKey) }] as const,
  );
  return { message, jwtKeys: message.jwtKeys.map(toJwtKey), foreign: new Map(foreign) };
}

function toJwtKey({ keyId, key }: JwtAuthority): JwtKey {
  return { kid: keyId, key: createPublicKey({ key, format: 'der', type: 'spki' }) };
}
