import type { TokenOutcome } from '../decide/evidence.ts';
import { missingToken, withoutWritten } from './no-token.ts';
import type { KeySource } from './keys.ts';
import type { FoundToken } from './locations.ts';
import type { TokenRules } from './merge-rules.ts';
import { rewrite } from './outputs.ts';
import type { AcceptedToken, TokenCarrier } from './outputs.ts';
import { checkToken, readToken } from './verify-token.ts';
import type { Checked, TokenFault } from './verify-token.ts';

/** The tokens of one request and the rules they have to satisfy. */
export interface TokenRequest extends TokenCarrier {
  readonly rules: TokenRules;
  readonly found: readonly FoundToken[];
}

export interface TokenPorts {
  readonly keys: KeySource;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** How far clocks may be apart; upstream's default is a minute. */
  readonly skewMs?: number;
}

/** Every token costs signatures to verify: nobody needs this many. */
const maxTokens = 16;

const elsewhere: TokenFault = { kind: 'issuer', reason: 'the rule does not look where the token was found' };

/** What each rule says of one token. A rule that looks elsewhere knows nothing of it. */
interface Examined {
  readonly found: FoundToken;
  /** By index of the rule. */
  readonly results: readonly (Checked | TokenFault)[];
}

/**
 * Whether the tokens satisfy the rules. A rule is satisfied by tokens in its places, all good for it; it may be left
 * unsatisfied where every token in its places is good for some rule that looks there, or there is none. One satisfied
 * rule is enough; else every rule must be satisfied or left so. A rule with presence REQUIRED may not be left.
 */
export async function verifyTokens(request: TokenRequest, ports: TokenPorts): Promise<TokenOutcome> {
  const { rules, found } = request;
  if (found.length === 0)
    return missingToken(rules) ?? { kind: 'none', upstream: withoutWritten(rules, request.spellings) };
  if (found.length > maxTokens) return refusal(rules, 0, 401, 'the request carries too many tokens');
  const examined = await Promise.all(found.map((one) => examine(one, rules, ports)));
  const standing = rules.rules.map(({ rule }, index) => {
    const here = examined.filter((one) => one.found.ruleIndexes.includes(index));
    const satisfied = here.length > 0 && here.every(({ results }) => isChecked(results[index]));
    return { satisfied, left: rule.presence !== 'REQUIRED' && here.every(({ results }) => results.some(isChecked)) };
  });
  const passes =
    standing.some(({ satisfied }) => satisfied) || standing.every(({ satisfied, left }) => satisfied || left);
  return passes ? accept(request, examined) : refuse(rules, examined);
}

async function examine(found: FoundToken, rules: TokenRules, ports: TokenPorts): Promise<Examined> {
  const read = readToken(found.token);
  if ('kind' in read) return { found, results: rules.rules.map(() => read) };
  const skewMs = ports.skewMs ?? 60_000;
  const check = async ({ rule }: TokenRules['rules'][number], index: number): Promise<Checked | TokenFault> =>
    found.ruleIndexes.includes(index) ? await checkToken(read, rule, ports.keys, ports.nowMs, skewMs) : elsewhere;
  return { found, results: await Promise.all(rules.rules.map(check)) };
}

function isChecked(result: Checked | TokenFault | undefined): result is Checked {
  return result !== undefined && 'token' in result;
}

function accept(request: TokenRequest, examined: readonly Examined[]): TokenOutcome {
  const accepted = examined.flatMap(({ found, results }) =>
    request.rules.rules.flatMap(({ rule }, index): AcceptedToken[] => {
      const result = results[index];
      return isChecked(result) ? [{ found, rule, checked: result }] : [];
    }),
  );
  const upstream = rewrite(request.rules, accepted, request);
  if (upstream === undefined) return refusal(request.rules, 0, 401, 'a claim cannot be written into a header');
  const distinct = new Set(accepted.map(({ found }) => found.token));
  return { kind: 'accepted', token: distinct.size === 1 ? accepted[0]?.checked.token : undefined, upstream };
}

/** The most telling fault is reported: what is wrong with a token rather than that another issuer made it. */
function refuse(rules: TokenRules, examined: readonly Examined[]): TokenOutcome {
  const faults = examined.flatMap(({ found, results }) =>
    results.some(isChecked)
      ? []
      : results.flatMap((fault, index) =>
          'kind' in fault && found.ruleIndexes.includes(index) ? [{ found, fault, index }] : [],
        ),
  );
  const worst =
    faults.find(({ fault }) => fault.kind === 'invalid') ??
    faults.find(({ fault }) => fault.kind === 'audience') ??
    faults[0];
  if (worst === undefined) return missingToken(rules) ?? refusal(rules, 0, 401, 'the tokens do not satisfy the rules');
  return refusal(rules, worst.index, worst.fault.kind === 'audience' ? 403 : 401, worst.fault.reason);
}

function refusal(rules: TokenRules, index: number, status: 401 | 403, reason: string): TokenOutcome {
  const challenge = status === 401 ? 'Bearer error="invalid_token"' : undefined;
  return { kind: 'refused', status, reason, policy: rules.rules[index]?.policy ?? 'none', challenge };
}
