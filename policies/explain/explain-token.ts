import type { TokenOutcome } from '../decide/evidence.ts';
import type { Facts } from '../decide/facts.ts';
import { settleTokens } from '../decide/settle-tokens.ts';
import { isPreflight } from '../tokens/locations.ts';
import type { TokenRules } from '../tokens/merge-rules.ts';
import type { TokenReport } from './explanation.ts';

/** What the token step made of the request. */
export function explainToken(
  rules: TokenRules | undefined,
  facts: Facts,
  outcome: TokenOutcome | undefined,
): TokenReport {
  const policies = [...new Set((rules?.rules ?? []).map(({ policy }) => policy))];
  const issuers = [...new Set((rules?.rules ?? []).map(({ rule }) => rule.issuer))].filter((issuer) => issuer !== '');
  const refusal = outcome ?? (rules === undefined || !facts.http ? undefined : settledAlone(rules, facts));
  if (refusal?.kind === 'refused') {
    return { outcome: 'refused', text: `refused (${refusal.status}): ${refusal.reason}`, policies };
  }
  const { token } = facts;
  if (token !== undefined) {
    const who =
      token.issuer === '' || token.subject === '' ? 'a token' : `token of \`${token.issuer}/${token.subject}\``;
    return { outcome: 'accepted', text: `${who} accepted`, policies };
  }
  if (outcome?.kind === 'accepted') {
    return { outcome: 'accepted', text: 'several tokens accepted, none of which speaks for the request', policies };
  }
  if (!facts.http) return { outcome: 'none', text: 'none: TCP carries no tokens', policies };
  if (rules === undefined) return { outcome: 'none', text: 'none: no RequestAuthentication is in force', policies };
  if (isPreflight(facts)) return { outcome: 'none', text: 'none: a CORS preflight carries no token', policies };
  const known = issuers.length > 0 ? `; tokens of ${issuers.map((one) => `\`${one}\``).join(', ')} are taken` : '';
  return { outcome: 'none', text: `none was sent, and none is required${known}`, policies };
}

function settledAlone(rules: TokenRules, facts: Facts): TokenOutcome | undefined {
  const refusal = settleTokens(rules, facts, undefined)?.refusal;
  if (refusal === undefined || (refusal.status !== 401 && refusal.status !== 403)) return undefined;
  const { status, reason = '', policy = 'none', challenge } = refusal;
  return { kind: 'refused', status, reason, policy, challenge };
}
