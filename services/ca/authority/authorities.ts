import type { Issuer } from '#ca/issue/issuer.ts';
import type { JwtKey } from '#ca/jwt/jwt-key.ts';
import type { JwtSigner } from '#ca/jwt/mint-jwt.ts';
import type { Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityRecord, AuthorityState } from '../ledger/port.ts';

/** What signs for an authority. */
export interface SigningKeys {
  /** With the intermediate's key. */
  readonly x509: Signer;
  readonly jwt: JwtSigner;
}

/** A root, the intermediate below it, a key for JWT-SVIDs, and what signs with them. */
export interface Authority {
  readonly record: AuthorityRecord;
  readonly id: string;
  readonly state: AuthorityState;
  readonly since: Date;
  readonly root: Issuer;
  readonly issuing: Issuer;
  readonly jwtKey: JwtKey;
  /** Only where it may sign. */
  readonly signers: SigningKeys | undefined;
}

export type SigningAuthority = Authority & { readonly signers: SigningKeys };

/** The authorities of one trust domain: exactly one signs, several may be trusted. */
export class Authorities {
  readonly #listeners = new Set<() => void>();
  #all: readonly Authority[];
  #sequence: number;

  constructor(all: readonly Authority[], sequence: number) {
    this.#all = all;
    this.#sequence = sequence;
  }

  get all(): readonly Authority[] {
    return this.#all;
  }

  /** Grows with every change of the bundle. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The one that signs. */
  active(): SigningAuthority {
    const found = this.#all.find((one): one is SigningAuthority => one.state === 'active' && one.signers !== undefined);
    if (found !== undefined) return found;
    throw new GarrisonError('UNAVAILABLE', 'no authority is active', { remedy: 'activate one' });
  }

  /** Those whose signatures count, the signing one first. */
  trusted(): readonly Authority[] {
    const active = this.active();
    return [active, ...this.#all.filter(({ id, state }) => id !== active.id && state !== 'revoked')];
  }

  /** DER roots to trust, the signing one first. */
  bundle(): readonly Uint8Array[] {
    return this.trusted().map(({ root }) => root.der);
  }

  replace(all: readonly Authority[], sequence: number): void {
    this.#all = all;
    this.#sequence = sequence;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
