import { createHash } from 'node:crypto';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Changes } from './changes.ts';
import type { Trust } from './trust.ts';

/** Whom to believe at one moment. The same object for as long as it says the same. */
export interface TrustNow {
  readonly trustDomain: TrustDomain;
  /** DER roots of the own trust domain. */
  readonly roots: readonly Uint8Array[];
  /** Those of other trust domains, each for itself. */
  readonly foreign: ReadonlyMap<TrustDomain, readonly Uint8Array[]>;
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
    const roots = this.#trust.bundle();
    const foreign = new Map([...this.#trust.foreign()].map(([name, bundle]) => [name, bundle.roots]));
    const print = printOf([trustDomain, roots], ...foreign);
    this.#version = version;
    if (this.#now?.print !== print) this.#now = { trustDomain, roots, foreign, print };
    return this.#now;
  }
}

function printOf(...bundles: readonly (readonly [name: string, roots: readonly Uint8Array[]])[]): string {
  const hash = createHash('sha256');
  for (const [name, roots] of bundles) {
    hash.update(`${name} ${roots.length}\n`);
    for (const root of roots) hash.update(`${root.length}\n`).update(root);
  }
  return hash.digest('hex');
}
