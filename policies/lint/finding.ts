import type { Place } from '#schema/place.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import type { AuthorizationPolicy, Metadata, Rule } from '../documents/model.ts';
import { policyName } from '../compile/rule-compiler.ts';

/** `error`: surely not what was meant. `warning`: unsafe. `note`: worth knowing, and no reason to stop. */
export type LintSeverity = 'error' | 'warning' | 'note';

/** What a rule of the linter found, before it is signed with the rule's name. */
export interface Observation {
  readonly document: { readonly kind: string; readonly metadata: Metadata };
  readonly place: Place;
  /** `spec.rules[0].to[0].operation.paths`; empty for the document. */
  readonly field: string;
  readonly reason: string;
  readonly fix: string;
  /** Where this one weighs less than the rule's findings do. */
  readonly severity?: LintSeverity;
}

export interface Finding {
  /** Stable: what `--allow` takes and what suppressions name. */
  readonly id: string;
  readonly name: string;
  readonly severity: LintSeverity;
  readonly kind: string;
  /** `namespace/name` of the document. */
  readonly policy: string;
  readonly place: Place;
  readonly field: string;
  readonly reason: string;
  readonly fix: string;
}

/** Something legal that is unsafe or cannot have been meant. */
export interface LintRule {
  readonly id: string;
  readonly name: string;
  readonly severity: LintSeverity;
  /** One sentence, for the list of rules and for SARIF. */
  readonly summary: string;
  check(set: PolicySet): Iterable<Observation>;
}

export function observeRule(
  policy: AuthorizationPolicy,
  index: number,
  field: string,
  words: Pick<Observation, 'reason' | 'fix' | 'severity'>,
): Observation {
  const place = policy.rules[index]?.place ?? policy.metadata.place;
  const path = field === '' ? `spec.rules[${index}]` : `spec.rules[${index}].${field}`;
  return { document: policy, place, field: path, ...words };
}

export function observeDocument(
  document: Observation['document'],
  field: string,
  words: Pick<Observation, 'reason' | 'fix' | 'severity'>,
): Observation {
  return { document, place: document.metadata.place, field, ...words };
}

/** Every rule of every AuthorizationPolicy. */
export function* eachRule(
  set: PolicySet,
): Generator<{ readonly policy: AuthorizationPolicy; readonly rule: Rule; readonly index: number }> {
  for (const policy of set.authorization) {
    for (const [index, rule] of policy.rules.entries()) yield { policy, rule, index };
  }
}

export function signed({ id, name, severity }: LintRule, observation: Observation): Finding {
  const { document, place, field, reason, fix } = observation;
  return {
    id,
    name,
    severity: observation.severity ?? severity,
    kind: document.kind,
    policy: policyName(document),
    place,
    field,
    reason,
    fix,
  };
}
