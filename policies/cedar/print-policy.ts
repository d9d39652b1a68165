import { TrustDomains } from '../compile/aliases.ts';
import type { Mesh } from '../documents/mesh.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { allOf, anyOf, quote } from './quote.ts';
import { asksHttp, ruleExpression } from './rule-expression.ts';
import type { CedarLimit, RuleSetting } from './rule-expression.ts';

export interface CedarText {
  /** Cedar policies, one for each rule and transport, annotated with the policy and rule they say. */
  readonly text: string;
  /** What could not be said; the rules concerned are left out of the text and named in it. */
  readonly limits: readonly CedarLimit[];
}

/** Prints every from/to/when policy of a set as Cedar, and the default that Istio and Cedar differ in. */
export function printCedar(set: PolicySet): CedarText {
  const printed = set.authorization.map((policy) => ({ policy, ...printPolicy(policy, set.mesh) }));
  const allows = set.authorization.filter((policy) => policy.action === 'ALLOW' && !policy.dryRun);
  // Istio lets pass what no ALLOW policy is in force for; Cedar refuses what nothing permits.
  const scopes = [...new Set(allows.map((policy) => `(${scopeOf(policy, set.mesh)})`))];
  const unless = scopes.length === 0 ? '' : `\nunless { ${anyOf(scopes)} }`;
  const fallback = `@policy("none")\npermit (principal, action, resource)${unless};`;
  return {
    text: `${[...printed.map(({ text }) => text), fallback].filter((text) => text !== '').join('\n\n')}\n`,
    limits: printed.flatMap(({ policy, limits }) =>
      limits.map(({ field, reason }) => ({ field: `${nameOf(policy)}: ${field}`, reason })),
    ),
  };
}

export function printPolicy(policy: AuthorizationPolicy, mesh: Mesh): CedarText {
  const unsaid = unsaidEffect(policy);
  if (unsaid !== undefined) {
    return { text: `// ${nameOf(policy)} is left out: ${unsaid.reason}`, limits: [unsaid] };
  }
  const setting: RuleSetting = {
    profile: mesh.profile,
    action: policy.action,
    namespace: policy.metadata.namespace,
    trustDomains: new TrustDomains(mesh.trustDomain, mesh.trustDomainAliases),
  };
  const limits: CedarLimit[] = [];
  const texts: string[] = [];
  for (const [index, rule] of policy.rules.entries()) {
    const path = `spec.rules[${index}]`;
    const mixed = asksHttp(rule);
    for (const transport of mixed ? (['http', 'tcp'] as const) : (['http'] as const)) {
      const met: CedarLimit[] = [];
      const expression = ruleExpression(rule, path, transport, setting, met);
      limits.push(...met);
      if (met.length > 0)
        texts.push(
          `// ${nameOf(policy)} ${path} is left out: ${met.map(({ field, reason }) => `${field}: ${reason}`).join('; ')}`,
        );
      else if (expression !== undefined)
        texts.push(statement(policy, index, mixed ? transport : 'any', expression, mesh));
    }
  }
  return { text: texts.join('\n\n'), limits };
}

function unsaidEffect(policy: AuthorizationPolicy): CedarLimit | undefined {
  if (policy.action === 'AUDIT' || policy.action === 'CUSTOM') {
    return { field: 'spec.action', reason: `Cedar permits and forbids; it has nothing that is ${policy.action}` };
  }
  return policy.dryRun
    ? { field: 'metadata.annotations', reason: 'Cedar has no policy that decides nothing' }
    : undefined;
}

const actionScopes = {
  any: 'action',
  http: 'action in [Action::"http", Action::"grpc"]',
  tcp: 'action == Action::"tcp"',
} as const;

function statement(
  policy: AuthorizationPolicy,
  rule: number,
  transport: keyof typeof actionScopes,
  expression: string,
  mesh: Mesh,
): string {
  const effect = policy.action === 'DENY' ? 'forbid' : 'permit';
  const conditions = allOf([scopeOf(policy, mesh), expression]);
  return [
    `@policy(${quote(nameOf(policy))})`,
    `@rule("${rule}")`,
    `${effect} (principal, ${actionScopes[transport]}, resource)`,
    `when { ${conditions} };`,
  ].join('\n');
}

/** Which workloads a policy is in force for. */
function scopeOf(policy: AuthorizationPolicy, mesh: Mesh): string {
  const terms: string[] = [];
  const { namespace } = policy.metadata;
  if (namespace !== mesh.rootNamespace) terms.push(`resource.namespace == ${quote(namespace)}`);
  for (const [label, value] of policy.selector) {
    terms.push(`resource.hasTag(${quote(label)}) && resource.getTag(${quote(label)}) == ${quote(value)}`);
  }
  if (policy.targetRefs.length > 0) {
    const gateways = policy.targetRefs.filter((target) => target.kind === 'Gateway');
    const named = gateways.map(({ name }) => gatewayNamed(name));
    terms.push(
      `resource.namespace == ${quote(namespace)} && resource.gateway`,
      named.length === 0 ? 'false' : anyOf(named),
    );
  }
  return allOf(terms);
}

function gatewayNamed(name: string): string {
  const label = quote('gateway.networking.k8s.io/gateway-name');
  return `(if resource.hasTag(${label}) then resource.getTag(${label}) == ${quote(name)} else resource.name == ${quote(name)})`;
}

function nameOf({ metadata }: AuthorizationPolicy): string {
  return `${metadata.namespace}/${metadata.name}`;
}
