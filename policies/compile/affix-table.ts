export interface Visitor<T> {
  visit(value: T): void;
}

const seed = 0x811c9dc5 | 0;
const factor = 0x01000193;

/**
 * Prefixes, or suffixes when it reads backwards, by their hash. A look reads the text once and keeps the hash of what it has
 * read; at each length that some affix has, it asks the table. So the cost grows with the text and never with the number of
 * affixes, nothing is allocated, and what is touched of memory is small.
 */
export class AffixTable<T> {
  readonly #backwards: boolean;
  readonly #texts: string[] = [];
  readonly #values: T[] = [];
  /** Lengths in use, ascending; the last is a sentinel that no text reaches. */
  #lengths: number[] = [Infinity];
  /** Open addressing with a power of two of places: hash and index + 1 side by side. */
  #places = new Int32Array(16);
  #empty: T | undefined = undefined;

  constructor(direction: 'prefix' | 'suffix') {
    this.#backwards = direction === 'suffix';
  }

  /** The value stored for exactly this affix, made by `create` when there is none. */
  upsert(affix: string, create: () => T): T {
    if (affix === '') return (this.#empty ??= create());
    const hash = this.#hash(affix);
    const known = this.#find(hash, affix, affix.length);
    if (known !== undefined) return known;
    const value = create();
    this.#texts.push(affix);
    this.#values.push(value);
    if (this.#texts.length * 4 > this.#places.length) this.#grow();
    else this.#put(hash, this.#texts.length);
    if (!this.#lengths.includes(affix.length)) this.#lengths = [...this.#lengths, affix.length].sort((a, b) => a - b);
    return value;
  }

  /** Every stored affix of the text, shortest first. */
  walk(text: string, visitor: Visitor<T>): void {
    if (this.#empty !== undefined) visitor.visit(this.#empty);
    const lengths = this.#lengths;
    const last = text.length - 1;
    let hash = seed;
    let next = 0;
    let wanted = lengths[0] ?? Infinity;
    for (let read = 1; wanted <= text.length; read++) {
      hash = Math.imul(hash ^ text.charCodeAt(this.#backwards ? last - read + 1 : read - 1), factor);
      if (read !== wanted) continue;
      const found = this.#find(hash, text, read);
      if (found !== undefined) visitor.visit(found);
      wanted = lengths[++next] ?? Infinity;
    }
  }

  /** Whether any stored affix is one of the text. */
  hits(text: string): boolean {
    if (this.#empty !== undefined) return true;
    const lengths = this.#lengths;
    const last = text.length - 1;
    let hash = seed;
    let next = 0;
    let wanted = lengths[0] ?? Infinity;
    for (let read = 1; wanted <= text.length; read++) {
      hash = Math.imul(hash ^ text.charCodeAt(this.#backwards ? last - read + 1 : read - 1), factor);
      if (read !== wanted) continue;
      if (this.#find(hash, text, read) !== undefined) return true;
      wanted = lengths[++next] ?? Infinity;
    }
    return false;
  }

  *values(): Generator<T> {
    if (this.#empty !== undefined) yield this.#empty;
    yield* this.#values;
  }

  #hash(affix: string): number {
    const last = affix.length - 1;
    let hash = seed;
    for (let read = 0; read <= last; read++) {
      hash = Math.imul(hash ^ affix.charCodeAt(this.#backwards ? last - read : read), factor);
    }
    return hash;
  }

  /** The value of the affix of this hash and length, where the text has it. */
  #find(hash: number, text: string, length: number): T | undefined {
    const places = this.#places;
    const mask = places.length - 2;
    for (let at = spread(hash) & mask; ; at = (at + 2) & mask) {
      const index = places[at + 1] ?? 0;
      if (index === 0) return undefined;
      if (places[at] !== hash) continue;
      const affix = this.#texts[index - 1] ?? '';
      if (affix.length === length && (this.#backwards ? text.endsWith(affix) : text.startsWith(affix))) {
        return this.#values[index - 1];
      }
    }
  }

  #put(hash: number, index: number): void {
    const places = this.#places;
    const mask = places.length - 2;
    let at = spread(hash) & mask;
    while (places[at + 1] !== 0) at = (at + 2) & mask;
    places[at] = hash;
    places[at + 1] = index;
  }

  #grow(): void {
    this.#places = new Int32Array(this.#places.length * 2);
    for (const [i, affix] of this.#texts.entries()) this.#put(this.#hash(affix), i + 1);
  }
}

/** Even places only; the low bits of the hash depend on the last characters alone. */
function spread(hash: number): number {
  return (hash ^ (hash >>> 15)) << 1;
}
