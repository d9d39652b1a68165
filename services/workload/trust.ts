import type { JwtKey } from '#ca/jwt/jwt-key.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';

/** Whom to believe in one trust domain: DER roots, and the keys of JWT-SVIDs. */
export interface ForeignBundle {
  readonly roots: readonly Uint8Array[];
  readonly jwtKeys: readonly JwtKey[];
}

/** Whom the workloads of this host may believe, at this moment. `Changes` tells when it says something else. */
export interface Trust {
  readonly trustDomain: TrustDomain;
  /** DER roots of the own trust domain, the signing one first. */
  bundle(): readonly Uint8Array[];
  jwtKeys(): readonly JwtKey[];
  /** Of other trust domains, each for itself: bundles are never merged (SPIFFE Trust Domain and Bundle §4.1). */
  foreign(): ReadonlyMap<TrustDomain, ForeignBundle>;
}
