import { policyName } from '../compile/rule-compiler.ts';
import type { Workload } from '../compile/select.ts';
import { isInForce } from '../compile/select.ts';
import type { Selector, TargetRef } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import type { NotInForce } from './explanation.ts';

interface Scoped {
  readonly kind: Exclude<NotInForce['kind'], 'PeerAuthentication'>;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly place: NotInForce['place'] };
  readonly selector: Selector;
  readonly targetRefs: readonly TargetRef[];
}

/** Documents that have no say about a workload, each with the reason. */
export function explainNotInForce(set: PolicySet, workload: Workload): NotInForce[] {
  const { rootNamespace } = set.mesh;
  const cedar = set.cedarPolicies.map((document) => ({ ...document, targetRefs: [] }));
  const scoped: readonly Scoped[] = [...set.authorization, ...set.requestAuthentication, ...cedar];
  return scoped
    .filter((document) => !isInForce(document, workload, rootNamespace))
    .map((document) => ({
      kind: document.kind,
      policy: policyName(document),
      place: document.metadata.place,
      reason: reasonFor(document, workload, rootNamespace),
    }));
}

function reasonFor(
  { metadata: { namespace }, selector, targetRefs }: Scoped,
  workload: Workload,
  root: string,
): string {
  const elsewhere = elsewhereReason(namespace, workload, root);
  if (elsewhere !== undefined) return elsewhere;
  if (targetRefs.length > 0) return reasonForTargets(targetRefs, namespace, workload);
  return `selects ${selectorReason(selector, workload.labels)}`;
}

/** Why a document of this namespace has no say about the workload, whatever it selects; undefined where it may have one. */
export function elsewhereReason(namespace: string, workload: Workload, root: string): string | undefined {
  return namespace === root || namespace === workload.namespace
    ? undefined
    : `namespace \`${namespace}\` is neither that of the workload (\`${workload.namespace}\`) nor the root namespace (\`${root}\`)`;
}

export function selectorReason(selector: Selector, labels: ReadonlyMap<string, string>): string {
  const missed = [...selector].filter(([key, value]) => labels.get(key) !== value);
  const wanted = missed.map(([key, value]) => `\`${key}: ${value}\``).join(', ');
  const has = missed.map(([key]) => {
    const own = labels.get(key);
    return own === undefined ? `no \`${key}\`` : `\`${key}: ${own}\``;
  });
  return `label ${wanted}, and the workload has ${has.join(', ')}`;
}

function reasonForTargets(targetRefs: readonly TargetRef[], namespace: string, workload: Workload): string {
  const named = targetRefs.map(({ kind, name }) => `${kind} \`${name}\``).join(', ');
  if (targetRefs.every(({ kind }) => kind !== 'Gateway')) {
    return `is about ${named}, which acts in a proxy that serves many workloads and not in a sidecar`;
  }
  if (!workload.gateway) return `is about ${named}, and the workload is no gateway`;
  return namespace === workload.namespace
    ? `is about ${named}, and the workload is another gateway`
    : `is about ${named} of namespace \`${namespace}\`, and the workload is in \`${workload.namespace}\``;
}
