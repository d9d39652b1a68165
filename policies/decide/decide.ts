import { asGarrisonError } from '#proto/errors/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import type { Groups } from '../compile/groups.ts';
import { compareRules } from '../compile/compiled-rule.ts';
import type { CompiledRule } from '../compile/compiled-rule.ts';
import type { Program } from '../compile/program.ts';
import type { WorkloadProgram } from '../compile/workload-program.ts';
import { RuleMatches } from '../compile/rule-matches.ts';
import type { RuleIndex } from '../compile/rule-index.ts';
import { askCedar } from './ask-cedar.ts';
import type { CedarFinding } from './ask-cedar.ts';
import type { Evidence, ProviderAnswer } from './evidence.ts';
import { Facts } from './facts.ts';
import { refusePeer } from './refuse-peer.ts';
import { hasBrokenSni, readRequest } from './request-line.ts';
import { settleTokens } from './settle-tokens.ts';
import { FoundVerdict } from './verdict.ts';
import type { Finding, Replay, Shadow, Verdict } from './verdict.ts';
import { programOf } from './workload-of.ts';

const noEvidence: Evidence = {};

/** May this happen? Decides from the bag alone, plus what had to be found out elsewhere. Never throws: an error denies. */
export function decide(program: Program, bag: AttributeBag, evidence: Evidence = noEvidence): Verdict {
  const facts = new Facts(bag, program.settings);
  let finding: Finding;
  try {
    finding = decideFacts(program, facts, evidence, true);
  } catch (error) {
    const known = asGarrisonError(error);
    finding = { effect: 'deny', status: 403, reason: `error while deciding: ${known.message}`, error: known };
  }
  return new FoundVerdict(program, facts, evidence, finding, replay);
}

/**
 * Decides once more to see what is read. Headers are not scanned for faults again: whoever remembers verdicts refuses broken
 * headers itself before it asks, and a scan would make every verdict depend on every header.
 */
const replay: Replay = (program, facts, evidence, finding, bag) => {
  try {
    const again = new Facts(bag, program.settings);
    again.oddHeaderNames = facts.oddHeaderNames;
    again.tracked = true;
    decideFacts(program, again, evidence, finding.status === 400, finding.cedar);
  } catch {
    // What was read up to the error is what the verdict depends on.
  }
};

/** The order of one decision. */
function decideFacts(
  program: Program,
  facts: Facts,
  evidence: Evidence,
  scanHeaders: boolean,
  known?: CedarFinding,
): Finding {
  const workload = programOf(program, facts.bag);
  facts.begin(workload.settings);
  const groups = facts.http ? workload.http : workload.tcp;
  return (
    refusePeer(workload.peers, facts) ??
    refuseMalformed(facts, scanHeaders) ??
    askProviders(groups, facts, evidence) ??
    afterTokens(workload, groups, facts, evidence, known)
  );
}

export function refuseMalformed(facts: Facts, scanHeaders: boolean): Finding | undefined {
  const fault =
    facts.settings.strict && hasBrokenSni(facts)
      ? 'the SNI has a control character or a space'
      : facts.http
        ? readRequest(facts, scanHeaders)
        : undefined;
  return fault === undefined ? undefined : { effect: 'deny', status: 400, reason: `malformed request: ${fault}` };
}

/** CUSTOM: each provider whose rules match is asked; all must allow. */
function askProviders(groups: Groups, facts: Facts, evidence: Evidence): Finding | undefined {
  for (const { provider, handler, index } of groups.custom) {
    const rule = customRule(index, facts);
    if (rule === undefined) continue;
    // Upstream's default takes one provider per workload and denies what would have to ask several.
    const tooMany = groups.custom.length > 1 && !facts.settings.strict;
    const answer = tooMany ? undefined : answerOf(evidence, provider, handler);
    if (answer === 'allow') continue;
    const reason = tooMany
      ? 'more than one provider is in force for the workload'
      : answer === 'deny'
        ? `provider \`${provider}\` refused`
        : `provider \`${provider}\` is unknown or did not answer`;
    return { effect: 'deny', status: 403, by: rule, reason };
  }
  if (evidence.headers !== undefined) facts.rewriteHeaders(evidence.headers);
  return undefined;
}

/** Of its Handler, or by its name where that is all that is known of who was asked. */
export function answerOf(
  { providers }: Evidence,
  provider: string,
  handler: string | undefined,
): ProviderAnswer | undefined {
  return (handler === undefined ? undefined : providers?.get(handler)) ?? providers?.get(provider);
}

export function customRule(index: RuleIndex, facts: Facts): CompiledRule | undefined {
  const matches = new RuleMatches(facts);
  index.search(matches);
  return matches.custom;
}

function afterTokens(
  workload: WorkloadProgram,
  groups: Groups,
  facts: Facts,
  evidence: Evidence,
  known: CedarFinding | undefined,
): Finding {
  const settled = facts.http ? settleTokens(workload.tokens, facts, evidence.tokens) : undefined;
  if (settled?.refusal !== undefined) return settled.refusal;
  const upstream = settled?.upstream;
  const matches = new RuleMatches(facts);
  groups.index.search(matches);
  const { deny, allow } = matches;
  const audit = matches.audit?.sort(compareRules);
  const cedar = workload.cedar === undefined || deny !== undefined ? undefined : askCedar(workload.cedar, facts, known);
  const denied = deny ?? (cedar?.effect === 'forbid' ? cedar.by : undefined);
  const shadow = groups.dryRun ? shadowOf(groups, matches, denied !== undefined) : undefined;
  if (denied !== undefined) {
    const failed = cedar?.error === undefined ? {} : { error: cedar.error };
    return { effect: 'deny', status: 403, by: denied, reason: cedar?.error?.message, audit, shadow, cedar, ...failed };
  }
  if (allow !== undefined)
    return { effect: 'allow', status: 200, by: allow, reason: undefined, audit, shadow, upstream, cedar };
  if (cedar?.effect === 'permit')
    return { effect: 'allow', status: 200, by: cedar.by, reason: undefined, audit, shadow, upstream, cedar };
  return groups.allowInForce || workload.cedar?.permitInForce === true
    ? { effect: 'deny', status: 403, reason: 'no ALLOW policy matched', audit, shadow, cedar }
    : { effect: 'allow', status: 200, reason: 'no ALLOW policy is in force', audit, shadow, upstream, cedar };
}

/** What is denied never comes to the ALLOW policies, so neither to those on trial. */
function shadowOf(groups: Groups, matches: RuleMatches, denied: boolean): Shadow | undefined {
  const deny = matches.dryDeny?.policy;
  const allow = groups.dryAllowInForce && !denied ? (matches.dryAllow?.policy ?? 'none') : undefined;
  if (deny === undefined && allow === undefined) return undefined;
  return { ...(deny === undefined ? {} : { deny }), ...(allow === undefined ? {} : { allow }) };
}
