/** What a text may cost before it is read. Each is a refusal with its number in it, never a cut. */
export interface Limits {
  /** Of the whole text. */
  readonly bytes: number;
  /** Of maps and lists inside each other. */
  readonly depth: number;
  /** Scalars, lists and maps together. */
  readonly nodes: number;
  /** Of the documents of one text that need the general reader (anchors, tags, folded text), together: it is slower by far. */
  readonly generalBytes: number;
  /** Nodes that aliases stand for, together: what "exploding" aliases run into. */
  readonly aliasNodes: number;
  /** Faults of one text that are told; what is wrong a thousand times is told often enough. */
  readonly faults: number;
}

export const defaultLimits: Limits = {
  bytes: 16 * 1024 * 1024,
  depth: 64,
  nodes: 2_000_000,
  generalBytes: 1024 * 1024,
  aliasNodes: 10_000,
  faults: 1000,
};
