import type { CedarDeclarations } from './declare.ts';
import type { CedarEntity, CedarRequest } from './cedar-values.ts';

/** One policy of a Cedar text that is wrong, or may be. */
export interface CedarFault {
  readonly severity: 'error' | 'warning';
  readonly reason: string;
  /** Where in the policy text, in UTF-16 code units from its start; absent where it is about the whole. */
  readonly offset: number | undefined;
}

export type CedarEffect = 'permit' | 'forbid';

export interface CedarAnswer {
  /** Ids of the permits, or of the forbids, that decided. Empty where nothing matched. */
  readonly decisive: readonly string[];
  readonly effect: CedarEffect | 'none';
  /** Policies that could not be evaluated, with the reason. Whoever decides must not take them for a no. */
  readonly errors: readonly { readonly id: string; readonly reason: string }[];
}

/** Policies that were parsed once and are asked many times. */
export interface CedarProgram {
  ask(request: CedarRequest): CedarAnswer;
}

/** Cedar, as the engine sees it. The library is WebAssembly and not needed by whoever writes no Cedar: it comes in as this. */
export interface CedarEngine {
  /** Every fault of a text, checked against the schema of a check and of what is declared beside it. */
  validate(text: string, declared?: CedarDeclarations): readonly CedarFault[];
  /** What each policy of a text without faults does, in the order of the text. */
  effects(text: string): readonly CedarEffect[];
  /**
   * Ids are names of documents; an answer names the policies of a text `ID#0`, `ID#1`… `entities` are stored ones: what a
   * request says of the same entity stands above what is stored.
   */
  prepare(
    policies: readonly { readonly id: string; readonly text: string }[],
    entities: readonly CedarEntity[],
  ): CedarProgram;
}
