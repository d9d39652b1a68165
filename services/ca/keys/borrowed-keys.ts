import type { PublicKey } from '#ca/keys/public-key.ts';
import type { Signer } from '#ca/keys/signer.ts';
import type { GarrisonError } from '#proto/errors/index.ts';
import type { FreshKey, KeyPlace, KeyRole, KeyStore } from './key-store.ts';

/** Keys that lie where somebody else put them, and a store for all others. */
export class BorrowedKeys implements KeyStore {
  readonly #own: KeyStore;
  readonly #borrowed = new Map<string, Signer>();
  readonly #missed = new Map<string, GarrisonError>();

  constructor(own: KeyStore) {
    this.#own = own;
  }

  borrow(signer: Signer): void {
    this.#borrowed.set(nameOf(signer.publicKey), signer);
  }

  /** Nobody lent this one; where the own store does not have it either, this is what is said. */
  miss(key: PublicKey, error: GarrisonError): void {
    this.#missed.set(nameOf(key), error);
  }

  make(role: KeyRole): Promise<FreshKey> {
    return this.#own.make(role);
  }

  async open(place: KeyPlace): Promise<Signer> {
    const borrowed = this.#borrowed.get(nameOf(place.key));
    if (borrowed !== undefined) return borrowed;
    const missed = this.#missed.get(nameOf(place.key));
    if (missed !== undefined && !(await this.#own.has(place))) throw missed;
    return this.#own.open(place);
  }

  has(place: KeyPlace): Promise<boolean> {
    return this.#borrowed.has(nameOf(place.key)) ? Promise.resolve(true) : this.#own.has(place);
  }

  /** What is borrowed is forgotten, not deleted. */
  remove(place: KeyPlace): Promise<void> {
    return this.#borrowed.delete(nameOf(place.key)) ? Promise.resolve() : this.#own.remove(place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#own[Symbol.asyncDispose]();
  }
}

function nameOf({ spki }: Pick<KeyPlace['key'], 'spki'>): string {
  return Buffer.from(spki).toString('base64');
}
