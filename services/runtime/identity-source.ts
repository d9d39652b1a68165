import type { SpiffeId } from '#ca/spiffe-id.ts';

/** An X509-SVID with its private key and the roots it can be verified against. */
export interface Identity {
  readonly spiffeId: SpiffeId;
  /** PEM, the leaf first, intermediates after it. */
  readonly certificates: readonly string[];
  /** PKCS#8 PEM. Never logged, never shown. */
  readonly privateKey: string;
  /** PEM roots of its own trust domain. */
  readonly bundle: readonly string[];
  readonly expiresAt: Date;
  /** Serials of the trust domain's certificates that are worth nothing, though they verify; none when absent. */
  readonly revoked?: ReadonlySet<string>;
  /** PEM certificates of revoked authorities whose root is in the bundle all the same; none when absent. */
  readonly refused?: readonly string[];
}

/** Where a server or client finds the identity to use now. */
export interface IdentitySource {
  current(): Identity;
  /** Calls back after every change; returns how to stop that. */
  onChange(listener: (identity: Identity) => void): () => void;
  /** Why nobody accepts it now, and what to do, for people; undefined where it is accepted, or where that is not known here. */
  trouble?(): string | undefined;
}

/** An identity that never changes. */
export function staticIdentity(identity: Identity): IdentitySource {
  return { current: () => identity, onChange: () => () => undefined };
}
