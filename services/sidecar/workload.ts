import type { SpiffeId } from '#ca/index.ts';
import { principalOf } from '#ca/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';

/** Whom a sidecar stands beside. */
export interface OwnWorkload {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly gateway: boolean;
}

export function uidOf(workload: OwnWorkload): string {
  return `garrison://${workload.namespace}/${workload.name}`;
}

/** What a sidecar says of its own workload, as destination of what comes in or as source of what goes out. */
export function describeOwn(
  workload: OwnWorkload,
  identity: SpiffeId,
  side: 'source' | 'destination',
): [string, AttributeValue][] {
  return [
    [`${side}.principal`, principalOf(identity)],
    [`${side}.uid`, uidOf(workload)],
    [`${side}.namespace`, workload.namespace],
    [`${side}.labels`, workload.labels],
    [`${side}.workload.name`, workload.name],
    [`${side}.workload.namespace`, workload.namespace],
    [`${side}.serviceAccount`, workload.serviceAccount],
  ];
}
