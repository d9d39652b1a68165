import { mask, wordMask } from './address.ts';
import type { Address, Block } from './address.ts';

/** A map from CIDR blocks to values, one table per family and prefix length: a lookup asks each length in use once. */
export class BlockTable<T> {
  /** By prefix length. */
  readonly #v4: { bits: number; byNetwork: Map<number, T> }[] = [];
  readonly #v6: { bits: number; byNetwork: Map<string, T> }[] = [];

  upsert(block: Block, create: () => T): T {
    return block.family === 4
      ? upsertIn(lengthTable<number, T>(this.#v4, block.bits), block.words[0] ?? 0, create)
      : upsertIn(lengthTable<string, T>(this.#v6, block.bits), block.words.join(), create);
  }

  walk(address: Address, visitor: { visit(value: T): void }): void {
    if (address.family === 4) {
      const word = address.words[0] ?? 0;
      for (const { bits, byNetwork } of this.#v4) {
        const value = byNetwork.get(word & wordMask(bits));
        if (value !== undefined) visitor.visit(value);
      }
      return;
    }
    for (const { bits, byNetwork } of this.#v6) {
      const value = byNetwork.get(mask(address.words, bits).join());
      if (value !== undefined) visitor.visit(value);
    }
  }

  has(address: Address): boolean {
    if (address.family === 4) {
      const word = address.words[0] ?? 0;
      return this.#v4.some(({ bits, byNetwork }) => byNetwork.has(word & wordMask(bits)));
    }
    return this.#v6.some(({ bits, byNetwork }) => byNetwork.has(mask(address.words, bits).join()));
  }

  *values(): Generator<T> {
    for (const { byNetwork } of this.#v4) yield* byNetwork.values();
    for (const { byNetwork } of this.#v6) yield* byNetwork.values();
  }
}

function lengthTable<K, T>(tables: { bits: number; byNetwork: Map<K, T> }[], bits: number): Map<K, T> {
  const known = tables.find((table) => table.bits === bits);
  if (known !== undefined) return known.byNetwork;
  const byNetwork = new Map<K, T>();
  tables.push({ bits, byNetwork });
  return byNetwork;
}

export function upsertIn<K, T>(table: Map<K, T>, key: K, create: () => T): T {
  const known = table.get(key);
  if (known !== undefined) return known;
  const value = create();
  table.set(key, value);
  return value;
}
