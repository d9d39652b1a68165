import type { Issuer } from '#ca/issue/issuer.ts';
import type { Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityState } from '../ledger/port.ts';

/** A root, the intermediate below it, and what signs with the intermediate's key. */
export interface Authority {
  readonly id: string;
  readonly state: AuthorityState;
  readonly since: Date;
  readonly root: Issuer;
  readonly issuing: Issuer;
  /** Only where it may sign. */
  readonly signer: Signer | undefined;
}

export type SigningAuthority = Authority & { readonly signer: Signer };

/** The authorities of one trust domain: exactly one signs, several may be trusted. */
export class Authorities {
  readonly #listeners = new Set<() => void>();
  #all: readonly Authority[];

  constructor(all: readonly Authority[]) {
    this.#all = all;
  }

  get all(): readonly Authority[] {
    return this.#all;
  }

  /** The one that signs. */
  active(): SigningAuthority {
    const found = this.#all.find((one): one is SigningAuthority => one.state === 'active' && one.signer !== undefined);
    if (found !== undefined) return found;
    throw new GarrisonError('UNAVAILABLE', 'no authority is active', { remedy: 'activate one' });
  }

  /** DER roots to trust, the signing one first. */
  bundle(): readonly Uint8Array[] {
    const active = this.active();
    const others = this.#all.filter(({ id, state }) => id !== active.id && state !== 'revoked');
    return [active, ...others].map(({ root }) => root.der);
  }

  replace(all: readonly Authority[]): void {
    this.#all = all;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
