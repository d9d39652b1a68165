import type { Node } from './node.ts';
import type { Place } from './place.ts';
import type { JsonSchema, Reading, Shape } from './shape.ts';

/** What a check sees: the node it stands at, and a way to say what is wrong with it or with something below it. */
export interface Here {
  readonly node: Node;
  /** Whether the mapping has this key, read or not: a value that is wrong is not a value that is missing. */
  has(key: string): boolean;
  place(...below: readonly (string | number)[]): Place;
  fault(reason: string, fix?: string, ...below: readonly (string | number)[]): void;
  warn(reason: string, fix?: string, ...below: readonly (string | number)[]): void;
  /** Reads what stands at a key with a shape that only the rest of the mapping could tell. Undefined where there is no such key. */
  read<T>(shape: Shape<T>, key: string): T | undefined;
}

/** The shape, and something that must hold beyond it. The check sees what could be read, even when parts of it could not. */
export function check<T>(shape: Shape<T>, holds: (value: T, here: Here) => void, schema: JsonSchema = {}): Shape<T> {
  return {
    read(node, reading) {
      const value = shape.read(node, reading);
      if (value !== undefined) holds(value, here(node, reading));
      return value;
    },
    schema: { ...shape.schema, ...schema },
  };
}

/** The shape, and what its value becomes; undefined where `to` has reported why it becomes nothing. */
export function map<T, U>(
  shape: Shape<T>,
  to: (value: T, here: Here) => U | undefined,
  schema: JsonSchema = {},
): Shape<U> {
  return {
    read(node, reading) {
      const value = shape.read(node, reading);
      return value === undefined ? undefined : to(value, here(node, reading));
    },
    schema: { ...shape.schema, ...schema },
  };
}

function here(node: Node, reading: Reading): Here {
  return new NodeHere(node, reading);
}

/** One is made for every node that is checked: without closures it is small. */
class NodeHere implements Here {
  readonly node: Node;
  readonly #reading: Reading;

  constructor(node: Node, reading: Reading) {
    this.node = node;
    this.#reading = reading;
  }

  has(key: string): boolean {
    return this.node.kind === 'map' && this.node.entries.some((entry) => entry.key === key);
  }

  place(...below: readonly (string | number)[]): Place {
    return placeBelow(this.node, below);
  }

  fault(reason: string, fix?: string, ...below: readonly (string | number)[]): void {
    this.#reading.fault(placeBelow(this.node, below), reason, fix, below);
  }

  warn(reason: string, fix?: string, ...below: readonly (string | number)[]): void {
    this.#reading.warn(placeBelow(this.node, below), reason, fix, below);
  }

  read<T>(shape: Shape<T>, key: string): T | undefined {
    const child = this.node.kind === 'map' ? this.node.get(key) : undefined;
    if (child === undefined) return undefined;
    this.#reading.enter(key);
    const value = shape.read(child, this.#reading);
    this.#reading.leave();
    return value;
  }
}

/** The place of the key or element that the path ends at, or of the nearest thing on the way that exists. */
function placeBelow(node: Node, below: readonly (string | number)[]): Place {
  let at = node;
  let place = node.place;
  for (const step of below) {
    if (at.kind === 'map' && typeof step === 'string') {
      const next = at.get(step);
      if (next === undefined) return place;
      place = at.keyPlace(step);
      at = next;
    } else if (at.kind === 'list' && typeof step === 'number') {
      const next = at.items[step];
      if (next === undefined) return place;
      place = next.place;
      at = next;
    } else return place;
  }
  return place;
}
