import { upsertIn } from './block-table.ts';
import type { Key } from './field-test.ts';

/** All the keys that are looked up by one thing about a request. */
interface Table {
  /** How many rules can stand in it, and nowhere better. */
  serves: number;
  /** How many rules have a key, by its kind and its value. */
  readonly rules: Map<string, Map<string | number, number>>;
}

/**
 * How many of a list of rules have a key. Nothing is kept but numbers: thousands of objects that live as long as an index is
 * built would fill the old generation at every change.
 */
export class KeyCounts {
  readonly #tables = new Map<string, Table>();
  /** How many keys were looked at. */
  counted = 0;

  add(keys: readonly Key[]): void {
    this.counted += keys.length;
    for (const key of keys) {
      const byValue = upsertIn(this.#table(key).rules, kindOf(key), newCounts);
      const value = valueOf(key);
      byValue.set(value, (byValue.get(value) ?? 0) + 1);
    }
  }

  /** How many rules a request that has one of the keys must be compared with, at the worst. */
  cost(keys: readonly Key[]): number {
    let most = 0;
    for (const key of keys) most = Math.max(most, this.#rules(key));
    return most;
  }

  /** Counts a rule that can stand where the keys stand. */
  serve(keys: readonly Key[]): void {
    let last: Table | undefined;
    // The keys of one table stand together.
    for (const key of keys) {
      const table = this.#table(key);
      if (table !== last) (last = table).serves += 1;
    }
  }

  /** How many rules can stand where the keys stand. */
  served(keys: readonly Key[]): number {
    let least = Infinity;
    for (const key of keys) least = Math.min(least, this.#table(key).serves);
    return least;
  }

  #rules(key: Key): number {
    // Presence tells no rules apart.
    if (key.kind === 'text' && key.pattern.kind === 'any') return Infinity;
    return this.#table(key).rules.get(kindOf(key))?.get(valueOf(key)) ?? 0;
  }

  #table(key: Key): Table {
    return upsertIn(this.#tables, tableName(key), newTable);
  }
}

function newTable(): Table {
  return { serves: 0, rules: new Map() };
}

function newCounts(): Map<string | number, number> {
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

function kindOf(key: Key): string {
  return key.kind === 'text' ? key.pattern.kind : key.kind;
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
