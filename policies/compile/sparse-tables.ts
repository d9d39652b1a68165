import type { Lens, Member } from './lens.ts';
import type { Posting } from './posting.ts';
import type { RuleMatches } from './rule-matches.ts';
import { TextTable } from './text-table.ts';

/** Up to this many tables it is cheaper to ask each than to look what a request brings. */
const FEW = 8;

/**
 * Tables for things of which there are any number of names and of which a request brings some: headers, claims.
 * With many names in the rules it is the request's names that are walked.
 */
export class SparseTables {
  readonly #tables: TextTable[] = [];
  readonly #always: TextTable[] = [];
  readonly #families = new Map<Member['of'], { member: Member; byName: Map<string, TextTable[]> }>();

  table(lens: Lens, member: Member): TextTable {
    let family = this.#families.get(member.of);
    if (family === undefined) {
      family = { member, byName: new Map<string, TextTable[]>() };
      this.#families.set(member.of, family);
    }
    const named = family.byName.get(member.name) ?? [];
    const known = named.find((table) => table.lens.id === lens.id);
    if (known !== undefined) return known;
    const table = new TextTable(lens);
    this.#tables.push(table);
    // A request may bring such a name under many spellings.
    if (member.name.includes('_')) this.#always.push(table);
    family.byName.set(member.name, [...named, table]);
    return table;
  }

  *postings(): Generator<Posting> {
    for (const table of this.#tables) yield* table.postings();
  }

  search(matches: RuleMatches): void {
    // Whose reads are recorded must not be made to walk all that a request brings.
    if (this.#tables.length <= FEW || matches.facts.tracked) {
      for (const table of this.#tables) table.search(matches);
      return;
    }
    for (const table of this.#always) table.search(matches);
    for (const { member, byName } of this.#families.values()) {
      for (const name of member.names(matches.facts)) {
        for (const table of byName.get(name) ?? noTables) table.search(matches);
      }
    }
  }
}

const noTables: readonly TextTable[] = [];
