import { eachLightly, finish } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { CedarEngine } from '../cedar/engine.ts';
import type { Mesh } from './mesh.ts';
import type {
  AuthorizationPolicy,
  CedarPolicy,
  Document,
  Handler,
  Kind,
  PeerAuthentication,
  Registration,
  RequestAuthentication,
  ServiceEntry,
  WorkloadEntry,
} from './model.ts';

/** Documents that were validated together: what one revision is made of. */
export interface PolicySet {
  readonly mesh: Mesh;
  /** In the order of the texts. */
  readonly documents: readonly Document[];
  readonly authorization: readonly AuthorizationPolicy[];
  readonly peerAuthentication: readonly PeerAuthentication[];
  readonly requestAuthentication: readonly RequestAuthentication[];
  readonly serviceEntries: readonly ServiceEntry[];
  readonly workloadEntries: readonly WorkloadEntry[];
  readonly registrations: readonly Registration[];
  readonly handlers: readonly Handler[];
  readonly cedarPolicies: readonly CedarPolicy[];
  /** What has validated the Cedar policies and evaluates them; undefined where there is none. */
  readonly cedar: CedarEngine | undefined;
}

export function makePolicySet(mesh: Mesh, documents: readonly Document[], cedar?: CedarEngine): PolicySet {
  return finish(policySetSteps(mesh, documents, cedar));
}

export function* policySetSteps(mesh: Mesh, documents: readonly Document[], cedar?: CedarEngine): Steps<PolicySet> {
  const byKind = new Map<Kind, Document[]>();
  yield* eachLightly(documents, (document) => {
    const known = byKind.get(document.kind);
    if (known === undefined) byKind.set(document.kind, [document]);
    else known.push(document);
  });
  const of = <K extends Kind>(kind: K): readonly Extract<Document, { kind: K }>[] =>
    (byKind.get(kind) ?? []) as Extract<Document, { kind: K }>[];
  return {
    mesh,
    documents,
    authorization: of('AuthorizationPolicy'),
    peerAuthentication: of('PeerAuthentication'),
    requestAuthentication: of('RequestAuthentication'),
    serviceEntries: of('ServiceEntry'),
    workloadEntries: of('WorkloadEntry'),
    registrations: of('Registration'),
    handlers: of('Handler'),
    cedarPolicies: of('CedarPolicy'),
    cedar,
  };
}
