import { sorted } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { buildIndex } from './build-index.ts';
import type { RuleIndex } from './rule-index.ts';

/** CUSTOM rules that ask one provider. */
export interface ProviderGroup {
  readonly provider: string;
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

export function* groupPolicies(policies: readonly AuthorizationPolicy[], rulesOf: RulesOf): Steps<Groups> {
  const customs = policies.filter(({ action }) => action === 'CUSTOM');
  const custom: ProviderGroup[] = [];
  for (const provider of [...new Set(customs.map((policy) => policy.provider ?? ''))].sort()) {
    const asking = customs.filter((policy) => (policy.provider ?? '') === provider);
    custom.push({ provider, index: yield* indexOf(asking, rulesOf) });
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
  const rules: CompiledRule[] = [];
  for (const policy of policies) {
    for (const rule of rulesOf(policy)) rules.push(rule);
    yield;
  }
  return yield* buildIndex(yield* sorted(rules, (a, b) => a.slot - b.slot || a.rank - b.rank));
}
