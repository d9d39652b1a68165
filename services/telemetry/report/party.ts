import type { AttributeBag, StringMap } from '#proto/attributes/index.ts';
import { addressOf, mapOf, textOf } from './read-attribute.ts';

/** One end of an action: who it is, as far as the report says. */
export interface Party {
  /** SPIFFE ID without its scheme; absent where no certificate was shown. */
  readonly principal: string | undefined;
  readonly namespace: string | undefined;
  readonly workload: string | undefined;
  readonly labels: StringMap | undefined;
  readonly address: string | undefined;
}

const accountPath = /^[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/;
const uidForm = /^[a-z]+:\/\/([^/]+)\/([^/]+)$/;

/** Namespace of a principal of the form `td/ns/NAMESPACE/sa/ACCOUNT`. */
export function namespaceOf(principal: string): string | undefined {
  return accountPath.exec(principal)?.[1];
}

/** The certificate's namespace comes first and what the report says of itself second, as Istio reads a peer. */
export function readParty(bag: AttributeBag, side: 'source' | 'destination'): Party {
  const names = attributeNames[side];
  const principal = textOf(bag, names.principal);
  const uid = textOf(bag, names.uid);
  const named = uid === undefined ? null : uidForm.exec(uid);
  return {
    principal,
    namespace:
      (principal === undefined ? undefined : namespaceOf(principal)) ??
      textOf(bag, names.workloadNamespace) ??
      textOf(bag, names.namespace) ??
      named?.[1],
    workload: textOf(bag, names.workload) ?? named?.[2],
    labels: mapOf(bag, names.labels),
    address: addressOf(bag, names.address),
  };
}

/** Spelled out once, so that reading an action builds no strings. */
const attributeNames = {
  source: {
    principal: 'source.principal',
    uid: 'source.uid',
    namespace: 'source.namespace',
    workload: 'source.workload.name',
    workloadNamespace: 'source.workload.namespace',
    labels: 'source.labels',
    address: 'source.ip',
  },
  destination: {
    principal: 'destination.principal',
    uid: 'destination.uid',
    namespace: 'destination.namespace',
    workload: 'destination.workload.name',
    workloadNamespace: 'destination.workload.namespace',
    labels: 'destination.labels',
    address: 'destination.ip',
  },
} as const;
