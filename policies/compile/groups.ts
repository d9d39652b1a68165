import { eachLightly, sorted } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { AuthorizationPolicy, Handler } from '../documents/model.ts';
import { buildIndex } from './build-index.ts';
import { compareRules } from './compiled-rule.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { handlerKey } from './named-handler.ts';
import type { RuleIndex } from './rule-index.ts';
import { slotCount } from './slot.ts';

/** CUSTOM rules that ask one provider: Handlers of one name in two namespaces are two. */
export interface ProviderGroup {
  readonly provider: string;
  /** Its Handler, `namespace/name`; undefined: there is none. */
  readonly handler: string | undefined;
  readonly index: RuleIndex;
}

/** The policies in force for one workload on one transport: per action one union, without priorities. */
export interface Groups {
  /** In the order of the providers' names. */
  readonly custom: readonly ProviderGroup[];
  /** AUDIT, DENY and ALLOW, dry-run ones too: one walk finds the rules of all that match. */
  readonly index: RuleIndex;
  /** An ALLOW policy is in force, be it one without rules: what none allows is denied. */
  readonly allowInForce: boolean;
  readonly dryRun: boolean;
  readonly dryAllowInForce: boolean;
}

export type RulesOf = (policy: AuthorizationPolicy) => readonly CompiledRule[];

export type HandlerOf = (policy: AuthorizationPolicy) => Handler | undefined;

export function* groupPolicies(
  policies: readonly AuthorizationPolicy[],
  rulesOf: RulesOf,
  handlerOf: HandlerOf,
): Steps<Groups> {
  const customs = policies.filter(({ action }) => action === 'CUSTOM');
  const byProvider = Map.groupBy(customs, (policy) => {
    const handler = handlerOf(policy);
    // Sorted by name first; a space sorts before every character of a name.
    return `${policy.provider ?? ''} ${handler === undefined ? '' : handlerKey(handler)}`;
  });
  const custom: ProviderGroup[] = [];
  for (const [key, chosen] of [...byProvider].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [provider = '', handler] = key.split(' ');
    custom.push({ provider, handler: handler === '' ? undefined : handler, index: yield* indexOf(chosen, rulesOf) });
  }
  const others = customs.length === 0 ? policies : policies.filter(({ action }) => action !== 'CUSTOM');
  return {
    custom,
    index: yield* indexOf(others, rulesOf),
    allowInForce: policies.some(({ action, dryRun }) => action === 'ALLOW' && !dryRun),
    dryRun: policies.some(({ dryRun }) => dryRun),
    dryAllowInForce: policies.some(({ action, dryRun }) => action === 'ALLOW' && dryRun),
  };
}

function* indexOf(policies: readonly AuthorizationPolicy[], rulesOf: RulesOf): Steps<RuleIndex> {
  const bySlot = Array.from({ length: slotCount }, (): CompiledRule[] => []);
  for (const policy of policies) {
    for (const rule of rulesOf(policy)) bySlot[rule.slot]?.push(rule);
    yield;
  }
  const rules: CompiledRule[] = [];
  for (const list of bySlot) yield* eachLightly(yield* sorted(list, compareRules), (rule) => rules.push(rule));
  return yield* buildIndex(rules);
}
