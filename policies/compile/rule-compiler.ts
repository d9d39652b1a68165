import type { AuthorizationPolicy } from '../documents/model.ts';
import type { Mesh, Profile } from '../documents/mesh.ts';
import { TrustDomains } from './aliases.ts';
import { compileRule } from './compile-rule.ts';
import type { RuleContext, Transport } from './compile-rule.ts';
import { CompiledRule } from './compiled-rule.ts';
import { fieldKinds } from './condition.ts';
import type { FieldKinds } from './condition.ts';
import type { FieldTest } from './field-test.ts';
import { slots } from './slot.ts';
import type { Slot } from './slot.ts';

const transports: readonly Transport[] = ['http', 'tcp'];

/** Compiles each policy once, whatever the number of workloads it is in force for. */
export class RuleCompiler {
  readonly #profile: Profile;
  readonly #trustDomains: TrustDomains;
  readonly #byNamespace = new Map<string, { kinds: FieldKinds; shared: SharedTests }>();
  readonly #compiled: Readonly<Record<Transport, Map<AuthorizationPolicy, readonly CompiledRule[]>>> = {
    http: new Map(),
    tcp: new Map(),
  };

  constructor(mesh: Mesh, profile: Profile) {
    this.#profile = profile;
    this.#trustDomains = new TrustDomains(mesh.trustDomain, mesh.trustDomainAliases);
  }

  rulesOf(policy: AuthorizationPolicy, transport: Transport): readonly CompiledRule[] {
    const known = this.#compiled[transport].get(policy);
    if (known !== undefined) return known;
    const rules = this.#compile(policy, transport);
    this.#compiled[transport].set(policy, rules);
    return rules;
  }

  /** Takes over what another compiler of the same mesh and profile has made of a policy. */
  adopt(policy: AuthorizationPolicy, other: RuleCompiler): void {
    for (const transport of transports) {
      const rules = other.#compiled[transport].get(policy);
      if (rules !== undefined) this.#compiled[transport].set(policy, rules);
    }
  }

  #compile(policy: AuthorizationPolicy, transport: Transport): CompiledRule[] {
    const { kinds, shared } = this.#forNamespace(policy.metadata.namespace);
    const context: RuleContext = {
      profile: this.#profile,
      action: policy.action,
      transport,
      kinds,
      share: (list, value, make) => shared.get(list, value, make),
    };
    const name = policyName(policy);
    const slot = slotOf(policy);
    const order = ruleOrder(policy.rules.length, this.#profile === 'istio');
    const compiled: CompiledRule[] = [];
    for (const [index, rule] of policy.rules.entries()) {
      const parts = compileRule(rule, context);
      if (parts === undefined) continue;
      compiled.push(new CompiledRule(order[index] ?? index, slot, parts, name, index, rule.place));
    }
    return compiled;
  }

  #forNamespace(namespace: string): { kinds: FieldKinds; shared: SharedTests } {
    const known = this.#byNamespace.get(namespace);
    if (known !== undefined) return known;
    const kinds = fieldKinds(namespace, this.#trustDomains, this.#profile === 'strict');
    const made = { kinds, shared: new SharedTests() };
    this.#byNamespace.set(namespace, made);
    return made;
  }
}

/** Tests of lists with one value, by what the list is of and by the value. */
class SharedTests {
  readonly #lists = new Map<string, Map<string, FieldTest>>();

  get(list: string, value: string, make: () => FieldTest): FieldTest {
    let values = this.#lists.get(list);
    if (values === undefined) this.#lists.set(list, (values = new Map<string, FieldTest>()));
    let test = values.get(value);
    if (test === undefined) values.set(value, (test = make()));
    return test;
  }
}

export function policyName(policy: {
  readonly metadata: { readonly namespace: string; readonly name: string };
}): string {
  return `${policy.metadata.namespace}/${policy.metadata.name}`;
}

function slotOf({ action, dryRun }: AuthorizationPolicy): Slot {
  switch (action) {
    case 'ALLOW':
      return dryRun ? slots.dryAllow : slots.allow;
    case 'DENY':
      return dryRun ? slots.dryDeny : slots.deny;
    case 'AUDIT':
      return slots.audit;
    case 'CUSTOM':
      return slots.custom;
    default:
      return action satisfies never;
  }
}

/** Envoy walks rule names as text, so that `rule[10]` comes before `rule[2]`; it matters only for which of several is named. */
function ruleOrder(count: number, asText: boolean): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  if (!asText || count <= 10) return order;
  const sorted = order.map((i) => `rule[${i}]`).sort();
  return order.map((i) => sorted.indexOf(`rule[${i}]`));
}
