export { describeFault } from '#schema/index.ts';
export type { Fault, Place, Severity } from '#schema/index.ts';
export { formatDocuments } from './format.ts';
export { knownKinds } from './kinds.ts';
export { loadPolicies } from './load.ts';
export type { Loaded, LoadOptions, SourceText } from './load.ts';
export { defaultMesh, pathNormalizations, profiles } from './mesh.ts';
export type { Mesh, PathNormalization, Profile } from './mesh.ts';
export { makePolicySet } from './policy-set.ts';
export type { PolicySet } from './policy-set.ts';
export { DocumentReader } from './read-document.ts';
export type {
  Action,
  AuthorizationPolicy,
  CedarPolicy,
  CheckHandler,
  Condition,
  Document,
  Endpoint,
  Handler,
  HandlerTls,
  JwtRule,
  Kind,
  Metadata,
  MtlsMode,
  Operation,
  PeerAuthentication,
  Registration,
  RequestAuthentication,
  Rule,
  Selector,
  ServiceEntry,
  ServicePort,
  Source,
  TargetRef,
  WorkloadEntry,
} from './model.ts';
