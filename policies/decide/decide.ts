import { asGarrisonError } from '#proto/errors/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import type { Groups } from '../compile/groups.ts';
import type { Program, WorkloadProgram } from '../compile/program.ts';
import type { Evidence } from './evidence.ts';
import { Facts } from './facts.ts';
import { refusePeer } from './refuse-peer.ts';
import { hasBrokenSni, readRequest } from './request-line.ts';
import { settleTokens } from './settle-tokens.ts';
import { FoundVerdict } from './verdict.ts';
import type { Finding, Shadow, Verdict } from './verdict.ts';
import { programOf } from './workload-of.ts';

const noEvidence: Evidence = {};

/** May this happen? Decides from the bag alone, plus what had to be found out elsewhere. Never throws: an error denies. */
export function decide(program: Program, bag: AttributeBag, evidence: Evidence = noEvidence): Verdict {
  let facts: Facts | undefined;
  let finding: Finding;
  try {
    const workload = programOf(program, bag);
    facts = new Facts(bag, program.settings);
    finding = decideFacts(workload, facts, evidence, true);
  } catch (error) {
    const known = asGarrisonError(error);
    finding = { effect: 'deny', status: 403, reason: `error while deciding: ${known.message}`, error: known };
  }
  return new FoundVerdict(program.revision, finding, bag, replayOf(program, evidence, finding, facts));
}

/**
 * Decides once more to see what is read. Headers are not scanned for faults again: whoever remembers verdicts refuses broken
 * headers itself before it asks, and a scan would make every verdict depend on every header.
 */
function replayOf(program: Program, evidence: Evidence, finding: Finding, first: Facts | undefined) {
  return (bag: AttributeBag): void => {
    try {
      const workload = programOf(program, bag);
      const facts = new Facts(bag, program.settings);
      facts.oddHeaderNames = first?.oddHeaderNames ?? false;
      decideFacts(workload, facts, evidence, finding.status === 400);
    } catch {
      // What was read up to the error is what the verdict depends on.
    }
  };
}

/** The order of one decision. */
function decideFacts(workload: WorkloadProgram, facts: Facts, evidence: Evidence, scanHeaders: boolean): Finding {
  const groups = facts.http ? workload.http : workload.tcp;
  return (
    refusePeer(workload.peers, facts) ??
    refuseMalformed(facts, scanHeaders) ??
    askProviders(groups, facts, evidence) ??
    afterTokens(workload, groups, facts, evidence)
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
  for (const { provider, group } of groups.custom) {
    const rule = group.first(facts);
    if (rule === undefined) continue;
    // Upstream's default takes one provider per workload and denies what would have to ask several.
    const tooMany = groups.custom.length > 1 && !facts.settings.strict;
    const answer = tooMany ? undefined : evidence.providers?.get(provider);
    if (answer === 'allow') continue;
    const reason = tooMany
      ? 'more than one provider is in force for the workload'
      : answer === 'deny'
        ? `provider \`${provider}\` refused`
        : `provider \`${provider}\` is unknown or did not answer`;
    return { effect: 'deny', status: 403, by: rule, reason };
  }
  return undefined;
}

function afterTokens(workload: WorkloadProgram, groups: Groups, facts: Facts, evidence: Evidence): Finding {
  const settled = facts.http ? settleTokens(workload.tokens, facts, evidence.tokens) : undefined;
  if (settled?.refusal !== undefined) return settled.refusal;
  const upstream = settled?.upstream;
  const audit = groups.audit.all(facts);
  const shadowDeny = groups.dryDeny.first(facts)?.policy;
  const denied = groups.deny.first(facts);
  if (denied !== undefined) {
    const shadow = shadowOf(groups, shadowDeny, undefined);
    return { effect: 'deny', status: 403, by: denied, reason: undefined, audit, shadow };
  }
  const shadowAllow = groups.dryAllowInForce ? (groups.dryAllow.first(facts)?.policy ?? 'none') : undefined;
  const shadow = shadowOf(groups, shadowDeny, shadowAllow);
  if (!groups.allowInForce) {
    return { effect: 'allow', status: 200, reason: 'no ALLOW policy is in force', audit, shadow, upstream };
  }
  const allowed = groups.allow.first(facts);
  return allowed === undefined
    ? { effect: 'deny', status: 403, reason: 'no ALLOW policy matched', audit, shadow }
    : { effect: 'allow', status: 200, by: allowed, reason: undefined, audit, shadow, upstream };
}

function shadowOf(groups: Groups, deny: string | undefined, allow: string | undefined): Shadow | undefined {
  if (!groups.dryRun || (deny === undefined && allow === undefined)) return undefined;
  return { ...(deny === undefined ? {} : { deny }), ...(allow === undefined ? {} : { allow }) };
}
