import { Duration, Timestamp } from './bag.ts';
import type { AttributeBag, AttributeValue, StringMap } from './bag.ts';
import type { Reference } from './references.ts';

/** Records what is read of a bag, so that an answer can say what it depends on. */
export class TrackingBag implements AttributeBag {
  readonly #bag: AttributeBag;
  readonly #whole = new Map<string, Reference>();
  readonly #maps = new Map<string, TrackedMap>();
  #all = false;

  constructor(bag: AttributeBag) {
    this.#bag = bag;
  }

  get(name: string): AttributeValue | undefined {
    const tracked = this.#maps.get(name);
    if (tracked !== undefined) return tracked;
    const value = this.#bag.get(name);
    if (value === undefined) {
      this.#whole.set(name, { name, key: undefined, condition: 'absence' });
    } else if (isStringMap(value)) {
      // A map that is merely fetched says nothing yet: what counts is which keys are looked up.
      const map = new TrackedMap(name, value);
      this.#maps.set(name, map);
      return map;
    } else {
      this.#whole.set(name, { name, key: undefined, condition: 'exact' });
    }
    return value;
  }

  /** Whoever walks the bag depends also on what is not there, which no list of references can say. */
  entries(): Iterable<readonly [string, AttributeValue]> {
    this.#all = true;
    return this.#bag.entries();
  }

  /** True when everything was read: then no other request can be known to get the same answer. */
  get readAll(): boolean {
    return this.#all;
  }

  references(): Reference[] {
    return [...this.#whole.values(), ...[...this.#maps.values()].flatMap((map) => map.references())];
  }
}

/** A string map that records the keys asked for; whoever asks for more than keys depends on the whole of it. */
class TrackedMap implements ReadonlyMap<string, string> {
  readonly #name: string;
  readonly #map: StringMap;
  readonly #keys = new Map<string, Reference>();
  #whole = false;

  constructor(name: string, map: StringMap) {
    this.#name = name;
    this.#map = map;
  }

  get(key: string): string | undefined {
    const value = this.#map.get(key);
    this.#keys.set(key, { name: this.#name, key, condition: value === undefined ? 'absence' : 'exact' });
    return value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  get size(): number {
    return this.#all().size;
  }

  forEach(callback: (value: string, key: string, map: ReadonlyMap<string, string>) => void): void {
    this.#all().forEach((value, key) => {
      callback(value, key, this);
    });
  }

  entries(): MapIterator<[string, string]> {
    return this.#all().entries();
  }

  keys(): MapIterator<string> {
    return this.#all().keys();
  }

  values(): MapIterator<string> {
    return this.#all().values();
  }

  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.#all()[Symbol.iterator]();
  }

  references(): Reference[] {
    return this.#whole ? [{ name: this.#name, key: undefined, condition: 'exact' }] : [...this.#keys.values()];
  }

  #all(): StringMap {
    this.#whole = true;
    return this.#map;
  }
}

function isStringMap(value: AttributeValue): value is StringMap {
  return (
    typeof value === 'object' &&
    !(value instanceof Timestamp || value instanceof Duration || value instanceof Uint8Array)
  );
}
