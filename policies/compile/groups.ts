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

export function groupPolicies(policies: readonly AuthorizationPolicy[], rulesOf: RulesOf): Groups {
  const index = (chosen: readonly AuthorizationPolicy[]): RuleIndex =>
    buildIndex(chosen.flatMap(rulesOf).sort((a, b) => a.slot - b.slot || a.rank - b.rank));
  const customs = policies.filter(({ action }) => action === 'CUSTOM');
  const providers = [...new Set(customs.map(({ provider }) => provider ?? ''))].sort();
  return {
    custom: providers.map((provider) => ({
      provider,
      index: index(customs.filter((policy) => (policy.provider ?? '') === provider)),
    })),
    index: index(policies.filter(({ action }) => action !== 'CUSTOM')),
    allowInForce: policies.some(({ action, dryRun }) => action === 'ALLOW' && !dryRun),
    dryRun: policies.some(({ dryRun }) => dryRun),
    dryAllowInForce: policies.some(({ action, dryRun }) => action === 'ALLOW' && dryRun),
  };
}
