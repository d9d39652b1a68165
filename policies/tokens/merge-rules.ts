import type { JwtRule, RequestAuthentication } from '../documents/model.ts';

/** A rule about tokens and the document it stands in (`namespace/name`). */
export interface TokenRule {
  readonly rule: JwtRule;
  readonly policy: string;
}

/** All token rules in force for one workload: the union of its documents, by issuer. */
export interface TokenRules {
  readonly rules: readonly TokenRule[];
  /** Headers that a rule would write: whoever sends them itself must not be believed. In their usual spellings. */
  readonly written: readonly string[];
  /**
   * Whether a name in lower case is one of those in any spelling: many servers fold `_` into `-`, each of them or all, and would
   * believe that one as well.
   */
  writes(name: string): boolean;
}

export function mergeTokenRules(documents: readonly RequestAuthentication[]): TokenRules | undefined {
  const rules = documents.flatMap(({ jwtRules, metadata }) =>
    jwtRules.map((rule) => ({ rule, policy: `${metadata.namespace}/${metadata.name}` })),
  );
  if (rules.length === 0) return undefined;
  rules.sort((a, b) => (a.rule.issuer < b.rule.issuer ? -1 : a.rule.issuer > b.rule.issuer ? 1 : 0));
  const written = rules.flatMap(({ rule }) => [
    ...(rule.outputPayloadToHeader === undefined ? [] : [rule.outputPayloadToHeader.toLowerCase()]),
    ...rule.outputClaimToHeaders.map(({ header }) => header.toLowerCase()),
  ]);
  const dashed = new Set(written.map((name) => name.replaceAll('_', '-')));
  return {
    rules,
    written: [...new Set(written.flatMap((name) => [name, name.replaceAll('-', '_'), name.replaceAll('_', '-')]))],
    writes: (name) => dashed.has(name.replaceAll('_', '-')),
  };
}
