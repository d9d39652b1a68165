import { findTokens, isPreflight } from '../tokens/locations.ts';
import type { TokenRules } from '../tokens/merge-rules.ts';
import { missingToken, spellingsIn, withoutWritten } from '../tokens/no-token.ts';
import type { TokenOutcome, Upstream } from './evidence.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './verdict.ts';

export interface SettledTokens {
  readonly refusal: Finding | undefined;
  readonly upstream: Upstream | undefined;
}

/** The token step: refuses, or shows later rules the request as it goes on to the application. */
export function settleTokens(
  rules: TokenRules | undefined,
  facts: Facts,
  outcome: TokenOutcome | undefined,
): SettledTokens | undefined {
  if (rules === undefined && outcome === undefined) return undefined;
  // Who looked at the tokens read them from this bag.
  if (rules !== undefined && outcome !== undefined && facts.tracked) touchTokens(rules, facts);
  const settled = outcome ?? (rules === undefined ? undefined : withoutEvidence(rules, facts));
  if (settled === undefined) return undefined;
  if (settled.kind === 'refused') {
    const { status, reason, policy, challenge } = settled;
    return { refusal: { effect: 'deny', status, reason, policy, challenge }, upstream: undefined };
  }
  // Without any token of its own the request may still be one whose token a proxy has verified.
  facts.accept(settled.kind === 'none' ? facts.token : settled.token, settled.upstream);
  return { refusal: undefined, upstream: settled.upstream };
}

function touchTokens(rules: TokenRules, facts: Facts): void {
  isPreflight(facts);
  findTokens(rules, facts);
}

/** Nobody verified anything: fine where there is nothing to verify, or a proxy in front has done it. */
function withoutEvidence(rules: TokenRules, facts: Facts): TokenOutcome {
  const upstream = withoutWritten(rules, spellingsIn(rules, facts));
  if (facts.token !== undefined || isPreflight(facts)) return { kind: 'none', upstream };
  const [found] = findTokens(rules, facts);
  if (found !== undefined) {
    const policy = rules.rules[found.ruleIndexes[0] ?? 0]?.policy ?? 'none';
    return { kind: 'refused', status: 401, reason: 'the token was not verified', policy, challenge: 'Bearer' };
  }
  return missingToken(rules) ?? { kind: 'none', upstream };
}
