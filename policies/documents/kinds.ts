import type { Shape } from '#schema/index.ts';
import type { CedarEngine } from '../cedar/engine.ts';
import { authorizationPolicy } from './kinds/authorization-policy.ts';
import { cedarPolicy } from './kinds/cedar-policy.ts';
import { handler } from './kinds/handler.ts';
import { peerAuthentication } from './kinds/peer-authentication.ts';
import { registration } from './kinds/registration.ts';
import { requestAuthentication } from './kinds/request-authentication.ts';
import { serviceEntry } from './kinds/service-entry.ts';
import { workloadEntry } from './kinds/workload-entry.ts';
import type { Mesh } from './mesh.ts';
import type { Document, Kind } from './model.ts';

export interface KnownKind {
  readonly kind: Kind;
  readonly group: string;
  readonly shape: Shape<Document>;
}

/** Every kind that can be read, with the shape that reads it and prints its JSON Schema. */
export function knownKinds(mesh: Mesh, cedar?: CedarEngine): readonly KnownKind[] {
  return [
    { kind: 'AuthorizationPolicy', group: 'security.istio.io', shape: authorizationPolicy },
    { kind: 'PeerAuthentication', group: 'security.istio.io', shape: peerAuthentication },
    { kind: 'RequestAuthentication', group: 'security.istio.io', shape: requestAuthentication },
    { kind: 'ServiceEntry', group: 'networking.istio.io', shape: serviceEntry },
    { kind: 'WorkloadEntry', group: 'networking.istio.io', shape: workloadEntry },
    { kind: 'Registration', group: 'garrison.dev', shape: registration(mesh) },
    { kind: 'Handler', group: 'garrison.dev', shape: handler },
    { kind: 'CedarPolicy', group: 'garrison.dev', shape: cedarPolicy(cedar) },
  ];
}

/** Kinds with a meaning that this version does not carry out: refused by name, because to skip one is to leave a door open. */
export const laterKinds: readonly string[] = [
  'telemetry.istio.io Telemetry',
  'garrison.dev AttributeManifest',
  'garrison.dev Rule',
  'garrison.dev Quota',
  'garrison.dev List',
  'garrison.dev Directive',
  'garrison.dev AuditPolicy',
];
