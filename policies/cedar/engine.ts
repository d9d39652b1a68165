import type { CedarEntity, CedarRequest } from './request.ts';

/** One policy of a Cedar text that is wrong, or may be. */
export interface CedarFault {
  readonly severity: 'error' | 'warning';
  readonly reason: string;
  /** Where in the policy text, in characters from its start; absent where it is about the whole. */
  readonly offset: number | undefined;
}

export interface CedarAnswer {
  /** Ids of the permits, or of the forbids, that decided. Empty where nothing matched. */
  readonly decisive: readonly string[];
  readonly effect: 'permit' | 'forbid' | 'none';
  /** Policies that could not be evaluated, with the reason. Whoever decides must not take them for a no. */
  readonly errors: readonly { readonly id: string; readonly reason: string }[];
}

/** Policies that were parsed once and are asked many times. */
export interface CedarProgram {
  ask(request: CedarRequest): CedarAnswer;
}

/** Cedar, as the engine sees it. The library is WebAssembly and not needed by whoever writes no Cedar: it comes in as this. */
export interface CedarEngine {
  /** Every fault of a text, checked against the schema of a check and, where given, of further entities. */
  validate(text: string): readonly CedarFault[];
  /** Ids are names of documents; `entities` are stored ones, seen by every request. */
  prepare(
    policies: readonly { readonly id: string; readonly text: string }[],
    entities: readonly CedarEntity[],
  ): CedarProgram;
}
