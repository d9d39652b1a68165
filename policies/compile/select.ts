import type { Selector, TargetRef } from '../documents/model.ts';

/** The workload that is called. */
export interface Workload {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly gateway: boolean;
  /** Services and ServiceEntries it serves. */
  readonly services: readonly string[];
}

interface Scoped {
  readonly metadata: { readonly namespace: string };
  readonly selector: Selector;
  readonly targetRefs: readonly TargetRef[];
}

const gatewayNameLabel = 'gateway.networking.k8s.io/gateway-name';

/**
 * Whether a policy is in force for a workload. Root namespace and the workload's own, by selector; with targetRefs only on
 * the gateway they name. References to services and gateway classes act where one proxy serves many, of which there is none.
 */
export function isInForce(policy: Scoped, workload: Workload, rootNamespace: string): boolean {
  const { namespace } = policy.metadata;
  if (namespace !== rootNamespace && namespace !== workload.namespace) return false;
  if (policy.targetRefs.length === 0) return selects(policy.selector, workload.labels);
  return (
    workload.gateway &&
    namespace === workload.namespace &&
    policy.targetRefs.some((target) => target.kind === 'Gateway' && target.name === gatewayName(workload))
  );
}

export function selects(selector: Selector, labels: ReadonlyMap<string, string>): boolean {
  for (const [key, value] of selector) if (labels.get(key) !== value) return false;
  return true;
}

function gatewayName(workload: Workload): string {
  return workload.labels.get(gatewayNameLabel) ?? workload.name;
}
