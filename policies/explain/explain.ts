import type { AttributeBag } from '#proto/attributes/index.ts';
import { TrustDomains } from '../compile/aliases.ts';
import type { CedarGroup } from '../compile/cedar-group.ts';
import { fieldKinds } from '../compile/condition.ts';
import { handlerKey, namedHandler } from '../compile/named-handler.ts';
import type { Program } from '../compile/program.ts';
import type { WorkloadProgram } from '../compile/workload-program.ts';
import { policyName } from '../compile/rule-compiler.ts';
import { answerOf, decide, refuseMalformed } from '../decide/decide.ts';
import type { Evidence } from '../decide/evidence.ts';
import { Facts } from '../decide/facts.ts';
import { refusePeer } from '../decide/refuse-peer.ts';
import { settleTokens } from '../decide/settle-tokens.ts';
import type { Verdict } from '../decide/verdict.ts';
import { programOf, workloadOf } from '../decide/workload-of.ts';
import type { Action, AuthorizationPolicy } from '../documents/model.ts';
import { explainCedar } from './explain-cedar.ts';
import { explainMtls, explainUnheardPeers } from './explain-mtls.ts';
import { explainRule } from './explain-rule.ts';
import { explainToken } from './explain-token.ts';
import type { Explanation, PolicyReport, RequestReport, RuleReport, Step, VerdictReport } from './explanation.ts';
import { explainNotInForce } from './not-in-force.ts';
import { policyText } from './policy-text.ts';

/**
 * Why a request is decided as it is. The verdict is that of `decide`; the steps of the decision are walked once more, with
 * the same parts, to tell what each policy made of the request. Never throws for what a request may hold.
 */
export function explain(program: Program, bag: AttributeBag, evidence: Evidence = {}): Explanation {
  const verdict = decide(program, bag, evidence);
  const facts = new Facts(bag, program.settings);
  const workload = orUndefined(() => workloadOf(bag));
  const inForce = orUndefined(() => programOf(program, bag));
  if (workload === undefined || inForce === undefined) {
    const nowhere = { namespace: '', name: '', labels: {} };
    return { ...nothing, verdict: reportVerdict(verdict), workload: nowhere };
  }
  const told: Told = { program, facts, verdict, evidence };
  // A Cedar policy that cannot be evaluated is an error too, and one of a decision that came so far.
  const made = verdict.error === undefined || verdict.rule !== undefined;
  const first = made ? walkToCustom(inForce, facts) : 'error';
  const customs = tellPolicies(inForce, ['CUSTOM'], first === 'custom', told);
  const step = first === 'custom' ? walkToRules(inForce, told) : first;
  const before = tellPolicies(inForce, ['AUDIT', 'DENY'], step === 'rules', told);
  const cedar = inForce.cedar === undefined ? [] : tellCedar(inForce.cedar, step === 'rules', told);
  const allows = tellPolicies(inForce, ['ALLOW'], step === 'rules', told);
  const { namespace, name, labels } = workload;
  const tokenAsked = step === 'token' || step === 'rules';
  return {
    verdict: reportVerdict(verdict),
    step,
    request: orUndefined(() => reportRequest(facts)),
    workload: { namespace, name, labels: Object.fromEntries(labels) },
    mtls: orUndefined(() => explainMtls(program.set, workload, inForce.peers, facts)),
    token: tokenAsked ? orUndefined(() => explainToken(inForce.tokens, facts, evidence.tokens)) : undefined,
    policies: [...customs, ...before, ...cedar, ...allows],
    notInForce: [...explainNotInForce(program.set, workload), ...explainUnheardPeers(program.set, workload)],
  };
}

const nothing = {
  step: 'error',
  request: undefined,
  mtls: undefined,
  token: undefined,
  policies: [],
  notInForce: [],
} as const;

interface Told {
  readonly program: Program;
  readonly facts: Facts;
  readonly verdict: Verdict;
  readonly evidence: Evidence;
}

/** What comes before anybody is asked. Where `decide` met no error neither do these steps, which are its own. */
function walkToCustom(inForce: WorkloadProgram, facts: Facts): Step {
  facts.begin(inForce.settings);
  if (refusePeer(inForce.peers, facts) !== undefined) return 'peer';
  return refuseMalformed(facts, true) === undefined ? 'custom' : 'malformed';
}

/** From the CUSTOM policies to the others: a provider may have refused, and so may the token step. */
function walkToRules(inForce: WorkloadProgram, { facts, evidence, verdict }: Told): Step {
  const decidedBy = inForce.policies.find((policy) => policyName(policy) === verdict.policy);
  if (verdict.rule !== undefined && decidedBy?.action === 'CUSTOM') return 'custom';
  if (evidence.headers !== undefined) facts.rewriteHeaders(evidence.headers);
  const settled = facts.http ? settleTokens(inForce.tokens, facts, evidence.tokens) : undefined;
  return settled?.refusal === undefined ? 'rules' : 'token';
}

/** What a DENY policy denies never comes to Cedar. */
function tellCedar(group: CedarGroup, reached: boolean, { facts, verdict, program }: Told): readonly PolicyReport[] {
  const denied = program.set.authorization.some(
    (policy) => policy.action === 'DENY' && verdict.rule !== undefined && policyName(policy) === verdict.policy,
  );
  return explainCedar(group, facts, verdict, reached && !denied);
}

function tellPolicies(
  inForce: WorkloadProgram,
  actions: readonly Action[],
  asked: boolean,
  told: Told,
): readonly PolicyReport[] {
  const chosen = actions.flatMap((action) => inForce.policies.filter((policy) => policy.action === action));
  const groups = told.facts.http ? inForce.http : inForce.tcp;
  // On TCP a provider that speaks HTTP only has no group.
  const isAsked = ({ action, provider }: AuthorizationPolicy): boolean =>
    action !== 'CUSTOM' || groups.custom.some((group) => group.provider === provider);
  return chosen.map((policy) => {
    if (!asked || isAsked(policy)) return tellPolicy(policy, asked, told);
    return { ...tellPolicy(policy, false, told), text: 'not asked: this is TCP and its provider speaks HTTP only' };
  });
}

function tellPolicy(policy: AuthorizationPolicy, asked: boolean, told: Told): PolicyReport {
  const { facts, program } = told;
  const { mesh } = program.set;
  const profile = facts.settings.strict ? 'strict' : 'istio';
  const { action, provider, dryRun, metadata } = policy;
  const trustDomains = new TrustDomains(mesh.trustDomain, mesh.trustDomainAliases);
  const kinds = fieldKinds(metadata.namespace, trustDomains, facts.settings.strict);
  const question = { facts, kinds, profile, action } as const;
  const rules = asked
    ? policy.rules.flatMap((rule, index): RuleReport[] => {
        const report = orUndefined(() => explainRule(rule, index, question));
        return report === undefined ? [] : [report];
      })
    : [];
  const matches = rules.some((rule) => rule.matches);
  const name = policyName(policy);
  const decides = told.verdict.rule !== undefined && told.verdict.policy === name;
  const report = { policy: name, action, provider, dryRun, place: metadata.place, asked, matches, decides, rules };
  const handler = namedHandler(policy, program.set.handlers, mesh.rootNamespace);
  const answer = answerOf(told.evidence, provider ?? '', handler && handlerKey(handler));
  return { ...report, text: policyText(report, told.verdict, answer === 'allow') };
}

function reportVerdict(verdict: Verdict): VerdictReport {
  const { effect, status, policy, rule, revision, reason, reasons, audit, shadow } = verdict;
  const place = reasons.find((one) => one.policy === policy && one.rule === rule && one.effect === effect)?.place;
  return { effect, status, policy, rule: rule ?? null, revision, reason, place, audit, shadow };
}

function reportRequest(facts: Facts): RequestReport {
  const { http, method, host, rawPath, path, principal, port } = facts;
  return {
    protocol: http ? 'http' : 'tcp',
    method,
    host,
    path: rawPath === undefined ? undefined : { sent: rawPath, matched: path },
    principal,
    port,
  };
}

/** What cannot be read of a request is an error while deciding, and denied: `decide` has told of it. */
function orUndefined<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}
