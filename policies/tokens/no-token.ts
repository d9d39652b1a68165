import type { TokenOutcome, Upstream } from '../decide/evidence.ts';
import type { Facts } from '../decide/facts.ts';
import type { TokenRules } from './merge-rules.ts';

/** The refusal of a request without any token where a rule requires one. */
export function missingToken(rules: TokenRules): TokenOutcome | undefined {
  const required = rules.rules.find(({ rule }) => rule.presence === 'REQUIRED');
  if (required === undefined) return undefined;
  return { kind: 'refused', status: 401, reason: 'a token is required', policy: required.policy, challenge: 'Bearer' };
}

/** Headers that a rule would write are stripped from every request, token or not. */
export function withoutWritten({ written }: TokenRules, spellings: readonly string[]): Upstream {
  return { headers: new Map([...written, ...spellings].map((name) => [name, undefined])), path: undefined };
}

/** How a request spells headers that a rule would write, where it spells any name unusually. */
export function spellingsIn(rules: TokenRules, facts: Facts): readonly string[] {
  if (rules.written.length === 0 || !facts.oddHeaderNames) return [];
  return [...facts.headerNames()].filter((name) => rules.writes(name));
}
