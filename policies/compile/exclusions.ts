import type { Steps } from '#schema/index.ts';
import { underivable } from '../decide/facts.ts';
import { listenPortOf } from '../decide/listen-port.ts';
import { AffixTable } from './affix-table.ts';
import { BlockTable, upsertIn } from './block-table.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { addressFrom } from './field-test.ts';
import type { AddressSource, Key } from './field-test.ts';
import type { Lens } from './lens.ts';
import type { RuleMatches } from './rule-matches.ts';

/** Places of rules in their list; of many also as bits, which are set all at once. */
class Places {
  readonly list: number[] = [];
  bits: Uint32Array | undefined = undefined;

  seal(size: number): void {
    if (this.list.length * 16 < size) return;
    this.bits = new Uint32Array((size + 31) >>> 5);
    for (const place of this.list) mark(this.bits, place);
    this.list.length = 0;
  }
}

function mark(words: Uint32Array, place: number): void {
  words[place >>> 5] = (words[place >>> 5] ?? 0) | (1 << (place & 31));
}

interface TextExclusions {
  readonly lens: Lens;
  readonly exact: Map<string, Places>;
  readonly prefixes: AffixTable<Places>;
  readonly suffixes: AffixTable<Places>;
}

/** For each rule of a list one of the things it excludes, by value: tells in one look which rules a request cannot match. */
export class Exclusions {
  readonly #size: number;
  readonly #texts: TextExclusions[] = [];
  readonly #blocks: { from: AddressSource; table: BlockTable<Places> }[] = [];
  readonly #ports = new Map<number, Places>();
  readonly #all: Places[] = [];
  readonly #create = (): Places => {
    const places = new Places();
    this.#all.push(places);
    return places;
  };

  private constructor(size: number) {
    this.#size = size;
  }

  static *of(rules: readonly CompiledRule[]): Steps<Exclusions> {
    const made = new Exclusions(rules.length);
    for (const [place, rule] of rules.entries()) {
      // Only a list of which every value is a key tells by its keys alone that it matches.
      for (const test of rule.mustNot)
        if (test.precise) for (const key of test.keys()) made.#places(key).list.push(place);
      yield;
    }
    for (const places of made.#all) {
      places.seal(rules.length);
      yield;
    }
    return made;
  }

  /**
   * A bit for each rule that the request is excluded from for certain. Undefined where the request can be read in several
   * ways: then only the rules themselves can say.
   */
  excluded(matches: RuleMatches): Uint32Array | undefined {
    const marks = new Marks(this.#size);
    for (const { lens, exact, prefixes, suffixes } of this.#texts) {
      const reading = lens.read(matches.facts, matches.mode);
      if (reading === undefined) continue;
      if (typeof reading !== 'string') return undefined;
      // A header of a like spelling is one in the wide reading only, and a rule that denies excludes by the narrow one.
      if (matches.mode === 'wide' && lens.read(matches.facts, 'narrow') !== reading) continue;
      const places = exact.get(reading);
      if (places !== undefined) marks.visit(places);
      prefixes.walk(reading, marks);
      suffixes.walk(reading, marks);
    }
    for (const { from, table } of this.#blocks) {
      const address = addressFrom(matches.facts, from);
      if (address === underivable) return undefined;
      if (address !== undefined) table.walk(address, marks);
    }
    if (this.#ports.size > 0) {
      for (const port of [matches.facts.port, listenPortOf(matches.facts.bag)]) {
        const atPort = port === undefined ? undefined : this.#ports.get(port);
        if (atPort !== undefined) marks.visit(atPort);
      }
    }
    return marks.words;
  }

  #places(key: Key): Places {
    switch (key.kind) {
      case 'port':
        return upsertIn(this.#ports, key.port, this.#create);
      case 'block': {
        let known = this.#blocks.find(({ from }) => from === key.from);
        if (known === undefined) this.#blocks.push((known = { from: key.from, table: new BlockTable<Places>() }));
        return known.table.upsert(key.block, this.#create);
      }
      case 'text': {
        const table = this.#table(key.lens);
        const { pattern } = key;
        // Presence is no value to look up; such a list is not precise.
        if (pattern.kind === 'any') return new Places();
        if (pattern.kind === 'exact') return upsertIn(table.exact, pattern.text, this.#create);
        return (pattern.kind === 'prefix' ? table.prefixes : table.suffixes).upsert(pattern.text, this.#create);
      }
      default:
        return key satisfies never;
    }
  }

  #table(lens: Lens): TextExclusions {
    const known = this.#texts.find((table) => table.lens.id === lens.id);
    if (known !== undefined) return known;
    const prefixes = new AffixTable<Places>('prefix');
    const table = { lens, exact: new Map<string, Places>(), prefixes, suffixes: new AffixTable<Places>('suffix') };
    this.#texts.push(table);
    return table;
  }
}

class Marks {
  readonly words: Uint32Array;

  constructor(size: number) {
    this.words = new Uint32Array((size + 31) >>> 5);
  }

  visit({ list, bits }: Places): void {
    const { words } = this;
    if (bits !== undefined) for (let i = 0; i < words.length; i++) words[i] = (words[i] ?? 0) | (bits[i] ?? 0);
    for (const place of list) mark(words, place);
  }
}
