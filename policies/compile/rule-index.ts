import { underivable } from '../decide/facts.ts';
import { listenPortOf } from '../decide/listen-port.ts';
import { BlockTable } from './block-table.ts';
import { addressFrom } from './field-test.ts';
import type { AddressSource, Key } from './field-test.ts';
import type { Lens } from './lens.ts';
import { newPosting, upsertPosting } from './posting.ts';
import type { Posting } from './posting.ts';
import type { RestIndex } from './rest-index.ts';
import type { RuleMatches, Searchable } from './rule-matches.ts';
import { SparseTables } from './sparse-tables.ts';
import { TextTable } from './text-table.ts';

/**
 * Looks at the rules a request can match and at no other: each rule stands under keys of which a matching request has one.
 * All readings of a request are looked up, whichever way a rule compares them; the rule itself settles that.
 */
export class RuleIndex implements Searchable {
  readonly #texts: TextTable[] = [];
  #sparse: SparseTables | undefined = undefined;
  readonly #blocks: AddressTable[] = [];
  #ports: Map<number, Posting> | undefined = undefined;
  #rest: RestIndex | undefined = undefined;

  posting(key: Key): Posting {
    switch (key.kind) {
      case 'text':
        return this.#textTable(key.lens).posting(key.pattern);
      case 'block':
        return this.#addressTable(key.from).blocks.upsert(key.block, newPosting);
      case 'port':
        return upsertPosting((this.#ports ??= new Map<number, Posting>()), key.port);
      default:
        return key satisfies never;
    }
  }

  /** For rules without any key. */
  set rest(rest: RestIndex) {
    this.#rest = rest;
  }

  *postings(): Generator<Posting> {
    for (const table of this.#texts) yield* table.postings();
    if (this.#sparse !== undefined) yield* this.#sparse.postings();
    for (const table of this.#blocks) yield* table.blocks.values();
    if (this.#ports !== undefined) yield* this.#ports.values();
  }

  search(matches: RuleMatches): void {
    for (const table of this.#texts) table.search(matches);
    if (this.#sparse !== undefined) this.#sparse.search(matches);
    for (const table of this.#blocks) table.search(matches);
    if (this.#ports !== undefined) searchPorts(this.#ports, matches);
    if (this.#rest !== undefined) this.#rest.search(matches);
  }

  #textTable(lens: Lens): TextTable {
    if (lens.member !== undefined) return (this.#sparse ??= new SparseTables()).table(lens, lens.member);
    for (const table of this.#texts) if (table.lens.id === lens.id) return table;
    const table = new TextTable(lens);
    this.#texts.push(table);
    return table;
  }

  #addressTable(from: AddressSource): AddressTable {
    for (const table of this.#blocks) if (table.from === from) return table;
    const table = new AddressTable(from);
    this.#blocks.push(table);
    return table;
  }
}

/** A rule may name either number of the called port. */
function searchPorts(ports: ReadonlyMap<number, Posting>, matches: RuleMatches): void {
  const { port, bag } = matches.facts;
  const found = port === undefined ? undefined : ports.get(port);
  if (found !== undefined) matches.visit(found);
  const listen = listenPortOf(bag);
  const other = listen === undefined || listen === port ? undefined : ports.get(listen);
  if (other !== undefined) matches.visit(other);
}

class AddressTable {
  readonly from: AddressSource;
  readonly blocks = new BlockTable<Posting>();

  constructor(from: AddressSource) {
    this.from = from;
  }

  search(matches: RuleMatches): void {
    const address = addressFrom(matches.facts, this.from);
    if (address === undefined) return;
    if (address !== underivable) {
      this.blocks.walk(address, matches);
    } else {
      for (const posting of this.blocks.values()) matches.visit(posting);
    }
  }
}
