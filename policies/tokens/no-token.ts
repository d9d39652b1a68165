import type { TokenOutcome, Upstream } from '../decide/evidence.ts';
import type { TokenRules } from './merge-rules.ts';

/** The refusal of a request without any token where a rule requires one. */
export function missingToken(rules: TokenRules): TokenOutcome | undefined {
  const required = rules.rules.find(({ rule }) => rule.presence === 'REQUIRED');
  if (required === undefined) return undefined;
  return { kind: 'refused', status: 401, reason: 'a token is required', policy: required.policy, challenge: 'Bearer' };
}

/** Headers that a rule would write are stripped from every request, token or not. */
export function withoutWritten(rules: TokenRules): Upstream {
  return { headers: new Map(rules.written.map((name) => [name, undefined])), path: undefined };
}
