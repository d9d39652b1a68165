import { addressFrom } from './field-test.ts';
import type { AddressSource, Key } from './field-test.ts';
import { AffixTree } from './affix-tree.ts';
import { BlockTable } from './block-table.ts';
import type { CompiledRule } from './compiled-rule.ts';
import type { Lens } from './lens.ts';
import type { Mode } from './mode.ts';
import { underivable } from '../decide/facts.ts';
import type { Facts } from '../decide/facts.ts';

/** Rules that share a key; when they are many, an index over what else they ask. */
export class Posting {
  rules: CompiledRule[] = [];
  index: RuleIndex | undefined = undefined;
}

/** What a search over an index hands the rules to. */
export interface Sink {
  readonly facts: Facts;
  /** Rules that may match, in order of rank. */
  offer(rules: readonly CompiledRule[]): void;
}

/** Looks at the rules a request can match and at no other: each rule stands under keys of which a matching request has one. */
export class RuleIndex {
  readonly #texts: TextTable[] = [];
  readonly #blocks: AddressTable[] = [];
  #ports: Map<number, Posting> | undefined = undefined;
  /** Rules without any key. */
  rest: readonly CompiledRule[] = [];

  posting(key: Key): Posting {
    switch (key.kind) {
      case 'text':
        return this.#textTable(key.lens, key.mode).posting(key);
      case 'block':
        return this.#addressTable(key.from, key.mode).blocks.upsert(key.block, newPosting);
      case 'port':
        return upsert((this.#ports ??= new Map<number, Posting>()), key.port);
      default:
        return key satisfies never;
    }
  }

  *postings(): Generator<Posting> {
    for (const table of this.#texts) yield* table.postings();
    for (const table of this.#blocks) yield* table.blocks.values();
    yield* this.#ports?.values() ?? [];
  }

  search(search: Search): void {
    for (const table of this.#texts) table.search(search);
    for (const table of this.#blocks) table.search(search);
    if (this.#ports !== undefined) {
      const port = search.sink.facts.port;
      const found = port === undefined ? undefined : this.#ports.get(port);
      if (found !== undefined) search.visit(found);
    }
    if (this.rest.length > 0) search.sink.offer(this.rest);
  }

  #textTable(lens: Lens, mode: Mode): TextTable {
    for (const table of this.#texts) if (table.lens.id === lens.id && table.mode === mode) return table;
    const table = new TextTable(lens, mode);
    this.#texts.push(table);
    return table;
  }

  #addressTable(from: AddressSource, mode: Mode): AddressTable {
    for (const table of this.#blocks) if (table.from === from && table.mode === mode) return table;
    const table = new AddressTable(from, mode);
    this.#blocks.push(table);
    return table;
  }
}

/** One walk over an index on behalf of a sink. */
export class Search {
  readonly sink: Sink;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  visit(posting: Posting): void {
    if (posting.index !== undefined) posting.index.search(this);
    else this.sink.offer(posting.rules);
  }
}

class TextTable {
  readonly lens: Lens;
  readonly mode: Mode;
  #any: Posting | undefined = undefined;
  #exact: Map<string, Posting> | undefined = undefined;
  #prefixes: AffixTree<Posting> | undefined = undefined;
  #suffixes: AffixTree<Posting> | undefined = undefined;

  constructor(lens: Lens, mode: Mode) {
    this.lens = lens;
    this.mode = mode;
  }

  posting({ pattern }: Extract<Key, { kind: 'text' }>): Posting {
    switch (pattern.kind) {
      case 'any':
        return (this.#any ??= new Posting());
      case 'exact':
        return upsert((this.#exact ??= new Map<string, Posting>()), pattern.text);
      case 'prefix':
        return (this.#prefixes ??= new AffixTree('prefix')).upsert(pattern.text, newPosting);
      case 'suffix':
        return (this.#suffixes ??= new AffixTree('suffix')).upsert(pattern.text, newPosting);
      default:
        return pattern satisfies never;
    }
  }

  *postings(): Generator<Posting> {
    if (this.#any !== undefined) yield this.#any;
    yield* this.#exact?.values() ?? [];
    yield* this.#prefixes?.values() ?? [];
    yield* this.#suffixes?.values() ?? [];
  }

  search(search: Search): void {
    const readings = this.lens.read(search.sink.facts, this.mode);
    if (readings === undefined) return;
    if (this.#any !== undefined) search.visit(this.#any);
    if (typeof readings === 'string') {
      this.#look(readings, search);
    } else if (this.mode === 'narrow' && !this.lens.list) {
      // Every reading must match, so the first one leads to every rule that can.
      this.#look(readings[0] ?? '', search);
    } else {
      for (const reading of readings) this.#look(reading, search);
    }
  }

  #look(text: string, search: Search): void {
    const exact = this.#exact?.get(text);
    if (exact !== undefined) search.visit(exact);
    this.#prefixes?.walk(text, search);
    this.#suffixes?.walk(text, search);
  }
}

class AddressTable {
  readonly from: AddressSource;
  readonly mode: Mode;
  readonly blocks = new BlockTable<Posting>();

  constructor(from: AddressSource, mode: Mode) {
    this.from = from;
    this.mode = mode;
  }

  search(search: Search): void {
    const address = addressFrom(search.sink.facts, this.from);
    if (address === undefined) return;
    if (address !== underivable) {
      this.blocks.walk(address, search);
    } else if (this.mode === 'wide') {
      for (const posting of this.blocks.values()) search.visit(posting);
    }
  }
}

function newPosting(): Posting {
  return new Posting();
}

function upsert<K>(table: Map<K, Posting>, key: K): Posting {
  const known = table.get(key);
  if (known !== undefined) return known;
  const posting = new Posting();
  table.set(key, posting);
  return posting;
}
