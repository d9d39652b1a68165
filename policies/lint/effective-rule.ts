import { TrustDomains } from '../compile/aliases.ts';
import type { Action, AuthorizationPolicy, Rule } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { rulePartsOf } from '../explain/rule-fields.ts';
import type { RuleField, RulePart } from '../explain/rule-fields.ts';

/** A rule as it is compared: every name of the mesh written out, service accounts with their namespace. */
export interface EffectiveRule {
  readonly policy: AuthorizationPolicy;
  readonly rule: Rule;
  readonly index: number;
  readonly parts: readonly RulePart[];
}

export function effectiveRules(set: PolicySet): EffectiveRule[] {
  const domains = new TrustDomains(set.mesh.trustDomain, set.mesh.trustDomainAliases);
  return set.authorization.flatMap((policy) =>
    policy.rules.map((rule, index) => ({
      policy,
      rule,
      index,
      parts: rulePartsOf(rule).map(({ part, clauses }) => ({
        part,
        clauses: clauses.map(({ path, fields }) => ({
          path,
          fields: fields.map((field) => effectiveField(field, policy.metadata.namespace, domains)),
        })),
      })),
    })),
  );
}

function effectiveField(field: RuleField, namespace: string, domains: TrustDomains): RuleField {
  const spell = (values: readonly string[]): readonly string[] => {
    switch (field.key) {
      case 'source.principal':
        return domains.expandPrincipals(values);
      case 'source.trustDomain':
        return domains.expandTrustDomains(values);
      case 'source.serviceAccount':
        return values.map((value) => (value.includes('/') ? value : `${namespace}/${value}`));
      default:
        return values;
    }
  };
  const key = field.key.startsWith('request.headers[') ? field.key.toLowerCase() : field.key;
  return { ...field, key, values: spell(field.values), notValues: spell(field.notValues) };
}

/**
 * Whether two lists of one key are always compared with the same one value. Elsewhere a request may have several readings
 * (a host with its port and without, a header that came twice, an audience among others), of which each list may take another.
 */
export function hasOneReading(key: string, action: Action, strict: boolean): boolean {
  switch (key) {
    case 'source.principal':
    case 'source.namespace':
    case 'source.serviceAccount':
    case 'source.trustDomain':
    case 'source.ip':
    case 'destination.ip':
    case 'destination.port':
    case 'connection.sni':
    case 'path':
      return true;
    case 'host':
    case 'method':
      return action === 'ALLOW' || !strict;
    default:
      // A narrow list takes a header only when all its values match.
      return key.startsWith('request.headers[') && strict && action === 'ALLOW' && !key.startsWith('request.headers[:');
  }
}

/** Whether what a negative list takes away is at least what the same value lets in. */
export function negationUndoes(key: string, action: Action, strict: boolean): boolean {
  if (hasOneReading(key, action, strict)) return true;
  // Any element of a verified list counts, on both sides.
  if (key.startsWith('request.auth.') && key !== 'request.auth.principal') return true;
  return key === 'request.auth.principal' || (key === 'remote.ip' && (action === 'ALLOW' || !strict));
}
