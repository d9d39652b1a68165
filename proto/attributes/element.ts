import { GarrisonError } from '#proto/errors/index.ts';
import type { CompressedAttributes, StringMap as WireStringMap } from '#proto/gen/istio/mixer/v1/attributes.ts';
import type { AttributeValue, StringMap } from './bag.ts';
import { globalWords } from './dictionary.ts';
import { readDuration, readTimestamp } from './time.ts';
import type { ValueType } from './vocabulary.ts';

/** What could be read of one CompressedAttributes, and what could not. */
export interface Element {
  readonly values: Map<string, AttributeValue>;
  /** The first thing found wrong. One error is made however many there are: a hostile message must not buy stack traces. */
  readonly error: GarrisonError | undefined;
  /** Attributes that the element speaks of, but whose value it does not tell. */
  readonly broken: ReadonlySet<string>;
}

const nothing: ReadonlySet<string> = new Set();

type WireType = Exclude<ValueType, 'ip'>;
type Field = 'strings' | 'int64s' | 'doubles' | 'bools' | 'timestamps' | 'durations' | 'bytes' | 'string_maps';

class ElementReader {
  readonly values = new Map<string, AttributeValue>();
  error: GarrisonError | undefined;
  broken: Set<string> | undefined;
  readonly #words: readonly string[];
  readonly #place: string;
  readonly #types: ReadonlyMap<string, ValueType> | undefined;

  readonly #instead: GarrisonError | undefined;

  constructor(words: readonly string[], place: string, options: ElementOptions) {
    this.#words = words;
    this.#place = place;
    this.#types = options.types;
    this.#instead = options.instead;
  }

  read(c: CompressedAttributes): void {
    for (const [index, value] of c.strings) this.#put('strings', 'string', index, this.word(value));
    for (const [index, value] of c.int64s) this.#put('int64s', 'int64', index, value);
    for (const [index, value] of c.doubles) this.#put('doubles', 'double', index, value);
    for (const [index, value] of c.bools) this.#put('bools', 'bool', index, value);
    for (const [index, value] of c.timestamps) this.#put('timestamps', 'timestamp', index, readTimestamp(value));
    for (const [index, value] of c.durations) this.#put('durations', 'duration', index, readDuration(value));
    for (const [index, value] of c.bytes) this.#put('bytes', 'bytes', index, value);
    for (const [index, value] of c.stringMaps) this.#put('string_maps', 'stringMap', index, this.#map(index, value));
  }

  /**
   * Index ≥ 0 is a word of the global dictionary, whatever words the message carries: in the real Mixer a message word
   * equal to a global one hid the globally indexed attribute from the rules. Index < 0 is message word -index-1.
   */
  word(index: number): string | undefined {
    return index >= 0 ? globalWords[index] : this.#words[-index - 1];
  }

  #put(field: Field, type: WireType, index: number, value: AttributeValue | undefined): void {
    const name = this.word(index);
    if (name === undefined) {
      this.#fail(undefined, field, index, () => this.#noWord('the attribute name', index));
      return;
    }
    if (value === undefined) {
      this.#fail(name, field, index, () => `the value of \`${clip(name)}\` is out of range`);
      return;
    }
    const known = this.values.size;
    this.values.set(name, value);
    if (this.values.size === known || this.broken?.has(name) === true) {
      this.#fail(name, field, index, () => `attribute \`${clip(name)}\` is given twice`);
      return;
    }
    const expected = this.#types?.get(name);
    if (expected !== undefined && expected !== type && !(expected === 'ip' && isAddress(value))) {
      this.#fail(name, field, index, () => `attribute \`${name}\` must be ${describeType(expected)}, not ${type}`);
    }
  }

  #map(index: number, map: WireStringMap): StringMap | undefined {
    const entries = new Map<string, string>();
    for (const [keyIndex, valueIndex] of map.entries) {
      const key = this.word(keyIndex);
      const value = this.word(valueIndex);
      const known = entries.size;
      if (key !== undefined && value !== undefined) entries.set(key, value);
      if (entries.size === known) {
        const reason = (): string =>
          key === undefined
            ? this.#noWord('the key', keyIndex)
            : value === undefined
              ? this.#noWord(`the value of \`${clip(key)}\``, valueIndex)
              : `key \`${clip(key)}\` is given twice`;
        this.#fail(this.word(index), 'string_maps', index, reason, `.entries[${keyIndex}]`);
        return undefined;
      }
    }
    return entries;
  }

  #noWord(what: string, index: number): string {
    const list = index >= 0 ? `the global dictionary of ${globalWords.length}` : `the message's ${this.#words.length}`;
    return `${what} is word \`${index}\`, which is not among ${list} words`;
  }

  #fail(name: string | undefined, field: Field, index: number, reason: () => string, below = ''): void {
    if (name !== undefined) {
      this.values.delete(name);
      this.broken ??= new Set();
      this.broken.add(name);
    }
    this.error ??= this.#instead;
    this.error ??= new GarrisonError('INVALID_ARGUMENT', reason(), {
      place: `${this.#place}.${field}[${index}]${below}`,
      remedy: 'encode each attribute once, by an index that the word lists have, with a value its type allows',
    });
  }
}

/** Names come from the peer: an error does not repeat a megabyte of them. */
function clip(word: string): string {
  return word.length <= 80 ? word : `${word.slice(0, 80)}…`;
}

function isAddress(value: AttributeValue): boolean {
  return value instanceof Uint8Array && (value.length === 4 || value.length === 16);
}

function describeType(type: ValueType): string {
  return type === 'ip' ? 'an address of 4 or 16 bytes' : type;
}

export interface ElementOptions {
  /** Attributes whose type is fixed; any other type under such a name is a fault. */
  readonly types?: ReadonlyMap<string, ValueType> | undefined;
  /** The error to use instead of a new one, where enough were made. */
  readonly instead?: GarrisonError | undefined;
}

/** Reads what can be read of one message. Work is one step for each entry, however the entries are arranged. */
export function readElement(
  c: CompressedAttributes,
  defaultWords: readonly string[],
  place: string,
  options: ElementOptions = {},
): Element {
  const reader = new ElementReader(c.words.length > 0 ? c.words : defaultWords, place, options);
  reader.read(c);
  return { values: reader.values, error: reader.error, broken: reader.broken ?? nothing };
}
