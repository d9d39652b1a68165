import { upsertIn } from './block-table.ts';
import type { CompiledRule } from './compiled-rule.ts';
import type { FieldTest, Key } from './field-test.ts';

/** A key, and how many rules have it. */
export interface CountedKey {
  readonly key: Key;
  readonly table: Table;
  rules: number;
}

/** All the keys that are looked up by one thing about a request. */
interface Table {
  /** How many rules can stand in it, and nowhere better. */
  serves: number;
  readonly byKind: Map<string, Map<string | number, CountedKey>>;
}

/** How many of a list of rules have a key. */
export class KeyCounts {
  readonly #tables = new Map<string, Table>();
  readonly #byTest = new Map<FieldTest, KeyChoice>();
  /** How many keys were looked at. */
  counted = 0;

  add({ must, anyOf }: CompiledRule): void {
    for (const test of must) this.#count(test);
    for (const clauses of anyOf) for (const clause of clauses) for (const test of clause.must) this.#count(test);
  }

  of(test: FieldTest): KeyChoice {
    const known = this.#byTest.get(test);
    if (known !== undefined) return known;
    const choice = new KeyChoice(test.keys().map((key) => this.#counter(key)));
    this.#byTest.set(test, choice);
    return choice;
  }

  #count(test: FieldTest): void {
    const { keys } = this.of(test);
    this.counted += keys.length;
    for (const key of keys) key.rules += 1;
  }

  #counter(key: Key): CountedKey {
    const table = upsertIn(this.#tables, tableName(key), newTable);
    const byValue = upsertIn(table.byKind, key.kind === 'text' ? key.pattern.kind : key.kind, newMap);
    const value = valueOf(key);
    let counted = byValue.get(value);
    if (counted === undefined) {
      // Presence tells no rules apart.
      counted = { key, table, rules: key.kind === 'text' && key.pattern.kind === 'any' ? Infinity : 0 };
      byValue.set(value, counted);
    }
    return counted;
  }
}

/** Keys to put a rule under. */
export class KeyChoice {
  readonly keys: readonly CountedKey[];

  constructor(keys: readonly CountedKey[]) {
    this.keys = keys;
  }

  /** How many rules a request that has one of the keys must be compared with, at the worst. */
  get cost(): number {
    let most = 0;
    for (const { rules } of this.keys) if (rules > most) most = rules;
    return most;
  }

  /** How many rules can stand where the keys stand. */
  get served(): number {
    let least = Infinity;
    for (const { table } of this.keys) if (table.serves < least) least = table.serves;
    return least;
  }

  /** Counts a rule that can stand here. */
  serve(): void {
    let last: Table | undefined;
    // The keys of one table stand together.
    for (const { table } of this.keys) if (table !== last) (last = table).serves += 1;
  }
}

function newTable(): Table {
  return { serves: 0, byKind: new Map() };
}

function newMap(): Map<string | number, CountedKey> {
  return new Map();
}

function tableName(key: Key): string {
  switch (key.kind) {
    case 'text':
      return key.lens.id;
    case 'block':
      return key.from;
    case 'port':
      return 'port';
    default:
      return key satisfies never;
  }
}

function valueOf(key: Key): string | number {
  switch (key.kind) {
    case 'text':
      return key.pattern.kind === 'any' ? '' : key.pattern.text;
    case 'block':
      return `${key.block.words.join()}/${key.block.bits}`;
    case 'port':
      return key.port;
    default:
      return key satisfies never;
  }
}
