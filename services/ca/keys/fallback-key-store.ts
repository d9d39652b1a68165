import type { Signer } from '#ca/keys/signer.ts';
import type { FreshKey, KeyPlace, KeyRole, KeyStore } from './key-store.ts';

/** New keys are made in the first store; those that were made in the second before are still found there. */
export class FallbackKeyStore implements KeyStore {
  readonly #first: KeyStore;
  readonly #second: KeyStore;

  constructor(first: KeyStore, second: KeyStore) {
    this.#first = first;
    this.#second = second;
  }

  make(role: KeyRole): Promise<FreshKey> {
    return this.#first.make(role);
  }

  async open(place: KeyPlace): Promise<Signer> {
    return (await this.#second.has(place)) ? this.#second.open(place) : this.#first.open(place);
  }

  async has(place: KeyPlace): Promise<boolean> {
    return (await this.#second.has(place)) || this.#first.has(place);
  }

  async remove(place: KeyPlace): Promise<void> {
    await this.#second.remove(place);
    await this.#first.remove(place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#first[Symbol.asyncDispose]();
    await this.#second[Symbol.asyncDispose]();
  }
}
