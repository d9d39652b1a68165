/** Where in a file something stands; line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export const severities = ['error', 'warning'] as const;
export type Severity = (typeof severities)[number];

/** One thing wrong with a document. */
export interface Fault {
  readonly severity: Severity;
  readonly place: Place;
  /** Path of the field: `spec.rules[0].from[1].source.ipBlocks[0]`; empty for the document itself. */
  readonly field: string;
  /** What is wrong: lower case, no full stop, user input in backticks. */
  readonly reason: string;
  /** What to do about it, in the same grammar. */
  readonly fix: string | undefined;
}
