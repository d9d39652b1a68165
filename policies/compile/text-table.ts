import { AffixTable } from './affix-table.ts';
import type { Lens } from './lens.ts';
import type { Pattern } from './pattern.ts';
import { newPosting, Posting, upsertPosting } from './posting.ts';
import type { RuleMatches } from './rule-matches.ts';

/** The rules whose key is a text, by what text. */
export class TextTable {
  readonly lens: Lens;
  #any: Posting | undefined = undefined;
  #exact: Map<string, Posting> | undefined = undefined;
  #prefixes: AffixTable<Posting> | undefined = undefined;
  #suffixes: AffixTable<Posting> | undefined = undefined;

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
        return (this.#prefixes ??= new AffixTable('prefix')).upsert(pattern.text, newPosting);
      case 'suffix':
        return (this.#suffixes ??= new AffixTable('suffix')).upsert(pattern.text, newPosting);
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

  search(matches: RuleMatches): void {
    const readings = this.lens.read(matches.facts, matches.mode);
    if (readings === undefined) return;
    if (this.#any !== undefined) matches.visit(this.#any);
    if (typeof readings === 'string') this.#look(readings, matches);
    else for (const reading of readings) this.#look(reading, matches);
  }

  #look(text: string, matches: RuleMatches): void {
    if (this.#exact !== undefined) {
      const exact = this.#exact.get(text);
      if (exact !== undefined) matches.visit(exact);
    }
    if (this.#prefixes !== undefined) this.#prefixes.walk(text, matches);
    if (this.#suffixes !== undefined) this.#suffixes.walk(text, matches);
  }
}
