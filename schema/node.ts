import type { Place } from './place.ts';
import { Source } from './source.ts';

/** A tree of what a YAML or JSON text says, before anybody asks whether it is the right thing to say. */
export type Node = MapNode | ListNode | ScalarNode;

/** What a scalar is by the core schema of YAML 1.2: `no`, `on` and `y` are strings. */
export type ScalarValue = string | number | bigint | boolean | null;

// Trees of a million nodes are read: the place is worked out from the offset when a fault needs it, not stored.
abstract class Positioned {
  readonly source: Source;
  readonly offset: number;

  constructor(source: Source, offset: number) {
    this.source = source;
    this.offset = offset;
  }

  get place(): Place {
    return this.source.place(this.offset);
  }
}

export class ScalarNode extends Positioned {
  readonly kind = 'scalar';
  readonly text: string;
  /** A plain scalar may be a number, a boolean or null; a quoted or block scalar is always a string. */
  readonly plain: boolean;

  constructor(source: Source, offset: number, text: string, plain: boolean) {
    super(source, offset);
    this.text = text;
    this.plain = plain;
  }

  get value(): ScalarValue {
    return this.plain ? resolvePlain(this.text) : this.text;
  }
}

export class ListNode extends Positioned {
  readonly kind = 'list';
  readonly items: readonly Node[];

  constructor(source: Source, offset: number, items: readonly Node[]) {
    super(source, offset);
    this.items = items;
  }
}

export interface Entry {
  readonly key: string;
  readonly keyOffset: number;
  readonly value: Node;
}

export class MapNode extends Positioned {
  readonly kind = 'map';
  readonly entries: readonly Entry[];

  constructor(source: Source, offset: number, entries: readonly Entry[]) {
    super(source, offset);
    this.entries = entries;
  }

  get(key: string): Node | undefined {
    return this.entries.find((entry) => entry.key === key)?.value;
  }

  /** The place of the key itself; of the map where it has no such key. */
  keyPlace(key: string): Place {
    const entry = this.entries.find((candidate) => candidate.key === key);
    return entry === undefined ? this.place : this.source.place(entry.keyOffset);
  }
}

const nulls = /^(?:|~|null|Null|NULL)$/;
const trues = /^(?:true|True|TRUE)$/;
const falses = /^(?:false|False|FALSE)$/;
const integers = /^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$/;
const floats = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const infinities = /^[-+]?\.(?:inf|Inf|INF)$/;
const notNumbers = /^\.(?:nan|NaN|NAN)$/;

/** The tag resolution of the core schema, YAML 1.2.2 §10.3.2. */
export function resolvePlain(text: string): ScalarValue {
  // What begins with any other letter can only be a string, and most scalars do.
  if (text.charCodeAt(0) > 0x39 && !'nNtTfF~'.includes(text.charAt(0))) return text;
  if (nulls.test(text)) return null;
  if (trues.test(text)) return true;
  if (falses.test(text)) return false;
  if (integers.test(text)) return toInteger(text);
  if (floats.test(text)) return Number(text);
  if (infinities.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  if (notNumbers.test(text)) return NaN;
  return text;
}

function toInteger(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text.startsWith('+') ? text.slice(1) : text);
}

export function isNull(node: Node): boolean {
  return node.kind === 'scalar' && node.value === null;
}

/** For messages: what stands here, as a person would call it. */
export function describeNode(node: Node): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a mapping' : 'a list';
  const value = node.value;
  if (value === null) return 'nothing';
  if (typeof value === 'string') return 'a string';
  return typeof value === 'boolean' ? 'a boolean' : 'a number';
}

/** The node as plain data. Mappings become objects without a prototype, so that a key such as `__proto__` is a key. */
export function toData(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toData);
  const data = Object.create(null) as Record<string, unknown>;
  for (const entry of node.entries) data[entry.key] = toData(entry.value);
  return data;
}

/** What an empty file says. */
export function emptyMap(file: string): MapNode {
  return new MapNode(new Source(file, ''), 0, []);
}
