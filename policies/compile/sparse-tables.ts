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
  readonly #byName = new Map<string, TextTable[]>();
  readonly #members = new Map<Member['of'], Member>();

  table(lens: Lens, member: Member): TextTable {
    const key = keyOf(member.of, member.name);
    const known = this.#byName.get(key)?.find((table) => table.lens.id === lens.id);
    if (known !== undefined) return known;
    const table = new TextTable(lens);
    this.#tables.push(table);
    this.#byName.set(key, [...(this.#byName.get(key) ?? []), table]);
    this.#members.set(member.of, member);
    return table;
  }

  *postings(): Generator<Posting> {
    for (const table of this.#tables) yield* table.postings();
  }

  search(matches: RuleMatches): void {
    if (this.#tables.length <= FEW) {
      for (const table of this.#tables) table.search(matches);
      return;
    }
    for (const member of this.#members.values()) {
      for (const name of member.names(matches.facts)) {
        for (const table of this.#byName.get(keyOf(member.of, name)) ?? []) table.search(matches);
      }
    }
  }
}

function keyOf(of: Member['of'], name: string): string {
  return `${of} ${name}`;
}
