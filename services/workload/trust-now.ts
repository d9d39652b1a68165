import { createHash } from 'node:crypto';
import { toJwtBundle } from '#ca/bundle/write-bundle.ts';
import type { JwtKey } from '#ca/jwt/jwt-key.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Changes } from './changes.ts';
import type { Trust } from './trust.ts';

/** Whom to believe in one trust domain, as it is sent. */
export interface SentBundle {
  /** DER. */
  readonly roots: readonly Uint8Array[];
  /** The JWK set of JWT-SVIDs. */
  readonly jwks: Buffer;
}

/** Whom to believe at one moment. The same object for as long as it says the same. */
export interface TrustNow {
  readonly trustDomain: TrustDomain;
  readonly own: SentBundle;
  /** Of other trust domains, each for itself, in the order of their names. */
  readonly foreign: ReadonlyMap<TrustDomain, SentBundle>;
  readonly print: string;
}

/** Reads what is trusted once per change, however many ask. */
export class TrustReader {
  readonly #trust: Trust;
  readonly #changes: Changes;
  #version = -1;
  #now: TrustNow | undefined;

  constructor(trust: Trust, changes: Changes) {
    this.#trust = trust;
    this.#changes = changes;
  }

  now(): TrustNow {
    const { version } = this.#changes;
    if (this.#now !== undefined && this.#version === version) return this.#now;
    const { trustDomain } = this.#trust;
    const own = sent(this.#trust.bundle(), this.#trust.jwtKeys());
    // INVARIANT: what a foreign authority says never speaks for the own trust domain.
    const others = [...this.#trust.foreign()].filter(([name]) => name !== trustDomain);
    const foreign = new Map(
      others.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { roots, jwtKeys }]) => [name, sent(roots, jwtKeys)]),
    );
    const print = printOf([[trustDomain, own], ...foreign]);
    this.#version = version;
    if (this.#now?.print !== print) this.#now = { trustDomain, own, foreign, print };
    return this.#now;
  }
}

function sent(roots: readonly Uint8Array[], jwtKeys: readonly JwtKey[]): SentBundle {
  return { roots, jwks: Buffer.from(JSON.stringify(toJwtBundle({ jwtKeys }))) };
}

function printOf(bundles: readonly (readonly [name: string, bundle: SentBundle])[]): string {
  const hash = createHash('sha256');
  for (const [name, { roots, jwks }] of bundles) {
    hash.update(`${name} ${roots.length} ${jwks.length}\n`).update(jwks);
    for (const root of roots) hash.update(`${root.length}\n`).update(root);
  }
  return hash.digest('hex');
}
