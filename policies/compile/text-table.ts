import { AffixTree } from './affix-tree.ts';
import type { Lens } from './lens.ts';
import type { Pattern } from './pattern.ts';
import { Posting, upsertPosting } from './posting.ts';
import type { Search } from './posting.ts';

/** The rules whose key is a text, by what text. */
export class TextTable {
  readonly lens: Lens;
  #any: Posting | undefined = undefined;
  #exact: Map<string, Posting> | undefined = undefined;
  #prefixes: AffixTree<Posting> | undefined = undefined;
  #suffixes: AffixTree<Posting> | undefined = undefined;

  constructor(lens: Lens) {
    this.lens = lens;
  }

  posting(pattern: Pattern): Posting {
    switch (pattern.kind) {
      case 'any':
        return (this.#any ??= new Posting());
      case 'exact':
        return upsertPosting((this.#exact ??= new Map<string, Posting>()), pattern.text);
      case 'prefix':
        return (this.#prefixes ??= new AffixTree('prefix')).upsert(pattern.text, () => new Posting());
      case 'suffix':
        return (this.#suffixes ??= new AffixTree('suffix')).upsert(pattern.text, () => new Posting());
      default:
        return pattern satisfies never;
    }
  }

  *postings(): Generator<Posting> {
    if (this.#any !== undefined) yield this.#any;
    if (this.#exact !== undefined) yield* this.#exact.values();
    if (this.#prefixes !== undefined) yield* this.#prefixes.values();
    if (this.#suffixes !== undefined) yield* this.#suffixes.values();
  }

  search(search: Search): void {
    const readings = this.lens.read(search.matches.facts, search.mode);
    if (readings === undefined) return;
    if (this.#any !== undefined) search.visit(this.#any);
    if (typeof readings === 'string') this.#look(readings, search);
    else for (const reading of readings) this.#look(reading, search);
  }

  #look(text: string, search: Search): void {
    if (this.#exact !== undefined) {
      const exact = this.#exact.get(text);
      if (exact !== undefined) search.visit(exact);
    }
    if (this.#prefixes !== undefined) this.#prefixes.walk(text, search);
    if (this.#suffixes !== undefined) this.#suffixes.walk(text, search);
  }
}
