import type { Limits } from './limits.ts';
import { ListNode, MapNode, ScalarNode } from './node.ts';
import type { Entry, Node } from './node.ts';
import type { Fault } from './place.ts';
import { quoteable } from './quoteable.ts';
import type { Source } from './source.ts';

/** A document that cannot be read further; what is wrong has been reported. */
export class Unreadable extends Error {}

/** Makes nodes for both readers and holds what must be true of every tree: unique keys, no merge keys, bounded size. */
export class TreeBuilder {
  readonly source: Source;
  readonly limits: Limits;
  readonly faults: Fault[] = [];
  #nodes = 0;

  constructor(source: Source, limits: Limits) {
    this.source = source;
    this.limits = limits;
  }

  fault(offset: number, reason: string, fix: string | undefined): void {
    if (this.faults.length >= this.limits.faults) return;
    this.faults.push({ severity: 'error', place: this.source.place(offset), field: '', reason, fix });
  }

  refuse(offset: number, reason: string, fix: string | undefined): never {
    this.fault(offset, reason, fix);
    throw new Unreadable(reason);
  }

  scalar(offset: number, text: string, plain: boolean): ScalarNode {
    this.#count(offset);
    return new ScalarNode(this.source, offset, text, plain);
  }

  list(offset: number, items: readonly Node[]): ListNode {
    this.#count(offset);
    return new ListNode(this.source, offset, items);
  }

  map(offset: number, entries: readonly Entry[]): MapNode {
    this.#count(offset);
    this.#checkKeys(entries);
    return new MapNode(this.source, offset, entries);
  }

  checkDepth(offset: number, depth: number): void {
    if (depth <= this.limits.depth) return;
    this.refuse(offset, `maps and lists are nested more than ${this.limits.depth} deep`, 'make the document flatter');
  }

  get nodes(): number {
    return this.#nodes;
  }

  /** Back to an earlier state: what was read since is read again, by another reader. */
  forget(nodes: number, faults: number): void {
    this.#nodes = nodes;
    this.faults.length = faults;
  }

  #count(offset: number): void {
    this.#nodes += 1;
    if (this.#nodes <= this.limits.nodes) return;
    this.refuse(offset, `the text holds more than ${this.limits.nodes} values`, 'split it into several files');
  }

  #checkKeys(entries: readonly Entry[]): void {
    if (entries.length < 2) return;
    if (entries.length <= 12) {
      for (let index = 1; index < entries.length; index += 1) {
        const entry = entries[index];
        if (entry === undefined) continue;
        const first = entries.findIndex((other) => other.key === entry.key);
        if (first < index) this.#duplicate(entry, entries[first]);
      }
      return;
    }
    const seen = new Map<string, Entry>();
    for (const entry of entries) {
      const first = seen.get(entry.key);
      if (first === undefined) seen.set(entry.key, entry);
      else this.#duplicate(entry, first);
    }
  }

  // A second value for a key is read differently by different readers, so neither value can be trusted (RFC 8259 §4, YAML 1.2.2 §3.2.1.3).
  #duplicate(entry: Entry, first: Entry | undefined): void {
    const where = first === undefined ? 'above' : `in line ${this.source.place(first.keyOffset).line}`;
    this.fault(entry.keyOffset, `duplicate key \`${quoteable(entry.key)}\`, first given ${where}`, 'keep one of them');
  }
}
