import type { Action, AuthorizationPolicy } from '../documents/model.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { PolicyGroup } from './policy-group.ts';

/** CUSTOM rules that ask one provider. */
export interface ProviderGroup {
  readonly provider: string;
  readonly group: PolicyGroup;
}

/** The policies in force for one workload on one transport, by what they do. */
export interface Groups {
  /** In the order of the providers' names. */
  readonly custom: readonly ProviderGroup[];
  readonly audit: PolicyGroup;
  readonly deny: PolicyGroup;
  readonly allow: PolicyGroup;
  /** An ALLOW policy is in force, be it one without rules: what none allows is denied. */
  readonly allowInForce: boolean;
  readonly dryRun: boolean;
  readonly dryDeny: PolicyGroup;
  readonly dryAllow: PolicyGroup;
  readonly dryAllowInForce: boolean;
}

export type RulesOf = (policy: AuthorizationPolicy) => readonly CompiledRule[];

const noRules = new PolicyGroup([]);

export function groupPolicies(policies: readonly AuthorizationPolicy[], rulesOf: RulesOf): Groups {
  const select = (action: Action, dryRun: boolean): AuthorizationPolicy[] =>
    policies.filter((policy) => policy.action === action && policy.dryRun === dryRun);
  const group = (chosen: readonly AuthorizationPolicy[]): PolicyGroup => {
    const rules = chosen.flatMap(rulesOf);
    return rules.length === 0 ? noRules : new PolicyGroup(rules.sort((a, b) => a.rank - b.rank));
  };
  const allows = select('ALLOW', false);
  const dryDenies = select('DENY', true);
  const dryAllows = select('ALLOW', true);
  const customs = select('CUSTOM', false);
  const providers = [...new Set(customs.map((policy) => policy.provider ?? ''))].sort();
  return {
    custom: providers.map((provider) => ({
      provider,
      group: group(customs.filter((policy) => (policy.provider ?? '') === provider)),
    })),
    audit: group(select('AUDIT', false)),
    deny: group(select('DENY', false)),
    allow: group(allows),
    allowInForce: allows.length > 0,
    dryRun: dryDenies.length + dryAllows.length > 0,
    dryDeny: group(dryDenies),
    dryAllow: group(dryAllows),
    dryAllowInForce: dryAllows.length > 0,
  };
}
