import { GarrisonError } from '#proto/errors/index.ts';

/** Integers keep all their digits; members keep their order and are never a prototype. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

const deepest = 32;
const number = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const word = /true|false|null/y;
const text = /"(?:[^"\\]|\\.)*"/sy;
const space = /[ \t\n\r]*/y;

/**
 * RFC 8259 JSON, with what `JSON.parse` does not do: a member that is named twice is refused (two readers would take two
 * different ones), and integers of 64 bits stay what they are. Throws INVALID_ARGUMENT.
 */
export function readJson(source: string): Json {
  const reader = new Reader(source);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  value(depth: number): Json {
    if (depth > deepest) throw this.#fault(`is nested deeper than ${deepest}`);
    this.#take(space);
    const next = this.#source[this.#at];
    if (next === '{') return this.#object(depth);
    if (next === '[') return this.#array(depth);
    if (next === '"') return this.#string();
    const literal = this.#take(word);
    if (literal !== undefined) return literal === 'null' ? null : literal === 'true';
    const digits = this.#take(number);
    if (digits === undefined) throw this.#fault('is no JSON');
    return /[.eE]/.test(digits) ? Number(digits) : BigInt(digits);
  }

  end(): void {
    this.#take(space);
    if (this.#at < this.#source.length) throw this.#fault('goes on after its end');
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    this.#each('}', () => {
      const name = this.#string();
      if (members.has(name)) throw this.#fault(`names the member \`${name.slice(0, 100)}\` twice`);
      this.#take(space);
      if (this.#source[this.#at] !== ':') throw this.#fault('is no JSON');
      this.#at += 1;
      members.set(name, this.value(depth + 1));
    });
    return members;
  }

  #array(depth: number): readonly Json[] {
    const items: Json[] = [];
    this.#each(']', () => items.push(this.value(depth + 1)));
    return items;
  }

  #each(closing: string, read: () => void): void {
    this.#at += 1;
    this.#take(space);
    if (this.#source[this.#at] === closing) {
      this.#at += 1;
      return;
    }
    for (;;) {
      this.#take(space);
      read();
      this.#take(space);
      const next = this.#source[this.#at];
      this.#at += 1;
      if (next === closing) return;
      if (next !== ',') throw this.#fault('is no JSON');
    }
  }

  #string(): string {
    const start = this.#at;
    const literal = this.#take(text);
    if (literal === undefined) throw this.#fault('is no JSON');
    try {
      return JSON.parse(literal) as string;
    } catch (cause) {
      this.#at = start;
      throw this.#fault('has a string that is none', cause);
    }
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #fault(what: string, cause?: unknown): GarrisonError {
    return new GarrisonError('INVALID_ARGUMENT', `the document ${what} (at character ${this.#at})`, { cause });
  }
}
