export { describeFault } from '#schema/index.ts';
export type { Fault, Place, Severity } from '#schema/index.ts';
export { formatDocuments } from './format.ts';
export { knownKinds } from './kinds.ts';
export { loadPolicies } from './load.ts';
export type { LoadOptions } from './load.ts';
export { defaultMesh, pathNormalizations, profileIn, profiles } from './mesh.ts';
export type { Mesh, PathNormalization, Profile } from './mesh.ts';
export { PolicyLoader } from './policy-loader.ts';
export type { Loaded, SourceText } from './policy-loader.ts';
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
