import type { PublicKey } from '#ca/keys/public-key.ts';
import type { Signer } from '#ca/keys/signer.ts';

export const keyRoles = ['root', 'issuing', 'jwt'] as const;
export type KeyRole = (typeof keyRoles)[number];

/** One private key of an authority, told by its public half: that is in the ledger and in certificates. */
export interface KeyPlace {
  /** Id of the authority. */
  readonly authority: string;
  readonly role: KeyRole;
  readonly key: PublicKey;
}

/** A key that exists but belongs to nobody yet: which authority it is for is known once its certificate is made. */
export interface FreshKey {
  readonly signer: Signer;
  /** Durable when this resolves. */
  keep(authority: string): Promise<void>;
  /** What it was made for failed. */
  discard(): Promise<void>;
}

/** Where an authority's private keys are: encrypted files, or a token that never lets them out. */
export interface KeyStore extends AsyncDisposable {
  make(role: KeyRole): Promise<FreshKey>;
  /** FAILED_PRECONDITION where the key is not there or cannot be opened, DATA_LOSS where another is in its place. */
  open(place: KeyPlace): Promise<Signer>;
  /** Whether it is there, as far as can be told without opening it. */
  has(place: KeyPlace): Promise<boolean>;
  remove(place: KeyPlace): Promise<void>;
}
