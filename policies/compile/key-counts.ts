import type { CompiledRule } from './compiled-rule.ts';
import type { FieldTest, Key } from './field-test.ts';

/** A key, and how many rules have it. */
export interface CountedKey {
  readonly key: Key;
  /** Where rules are found by it. */
  readonly table: Table;
  rules: number;
}

/** All the keys that are looked up by one thing about a request. */
interface Table {
  /** Rules that can stand in it, and nowhere better. */
  serves: number;
}

/** How many of a list of rules have a key. */
export class KeyCounts {
  readonly #byText = new Map<string, CountedKey>();
  readonly #byTest = new Map<FieldTest, readonly CountedKey[]>();
  readonly #tables = new Map<string, Table>();
  /** How many keys were looked at. */
  counted = 0;

  add({ must, anyOf }: CompiledRule): void {
    this.#count(must);
    for (const clauses of anyOf) for (const clause of clauses) this.#count(clause.must);
  }

  of(test: FieldTest): readonly CountedKey[] {
    const known = this.#byTest.get(test);
    if (known !== undefined) return known;
    const keys = test.keys().map((key) => this.#counter(key));
    this.#byTest.set(test, keys);
    return keys;
  }

  #count(tests: readonly FieldTest[]): void {
    for (const test of tests) {
      for (const key of this.of(test)) {
        this.counted += 1;
        key.rules += 1;
      }
    }
  }

  #counter(key: Key): CountedKey {
    const name = tableName(key);
    const text = `${name}\0${valueText(key)}`;
    const known = this.#byText.get(text);
    if (known !== undefined) return known;
    const table = this.#tables.get(name) ?? { serves: 0 };
    this.#tables.set(name, table);
    // Presence tells no rules apart.
    const counted = { key, table, rules: key.kind === 'text' && key.pattern.kind === 'any' ? Infinity : 0 };
    this.#byText.set(text, counted);
    return counted;
  }
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

function valueText(key: Key): string {
  switch (key.kind) {
    case 'text':
      return key.pattern.kind === 'any' ? 'any' : `${key.pattern.kind}\0${key.pattern.text}`;
    case 'block':
      return `${key.block.words.join()}/${key.block.bits}`;
    case 'port':
      return String(key.port);
    default:
      return key satisfies never;
  }
}
