import type { Fault } from '#schema/index.ts';
import { namedHandler } from '../compile/named-handler.ts';
import type { Metadata } from './model.ts';
import type { PolicySet } from './policy-set.ts';

export const missingHandler = 'no Handler of this name';

/** What is legal in each document by itself, and can have no effect, or none that was meant, in this set. */
export function setWarnings({ authorization, requestAuthentication, handlers, mesh }: PolicySet): readonly Fault[] {
  const faults: Fault[] = [];
  for (const policy of authorization) {
    const { action, provider, metadata } = policy;
    if (action !== 'CUSTOM' || namedHandler(policy, handlers, mesh.rootNamespace) !== undefined) continue;
    const reason = `${missingHandler}, \`${provider ?? ''}\`, is in the policy’s namespace or the root namespace: what its rules match is denied`;
    faults.push(warning(metadata, 'spec.provider.name', reason, 'add the Handler, or correct the name'));
  }
  for (const { metadata, targetRefs } of [...authorization, ...requestAuthentication]) {
    if (metadata.namespace === mesh.rootNamespace) continue;
    for (const [index, { kind }] of targetRefs.entries()) {
      if (kind !== 'GatewayClass') continue;
      const reason = `a GatewayClass is a target of the root namespace \`${mesh.rootNamespace}\` only: from here it is in force nowhere`;
      const fix = 'move the document there, or target a Gateway';
      faults.push(warning(metadata, `spec.targetRefs[${index}]`, reason, fix));
    }
  }
  return faults;
}

function warning({ place }: Metadata, field: string, reason: string, fix: string): Fault {
  return { severity: 'warning', place, field, reason, fix };
}
