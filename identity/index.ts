// Public as `garrison/identity`: the identity of a process from a SPIFFE Workload API. Needs nothing else of Garrison.
export type { SpiffeId, TrustDomain } from '#ca/spiffe-id.ts';
export type { ValidJwt } from '#ca/jwt/validate-jwt.ts';
export { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
export { GarrisonError } from '#proto/errors/index.ts';
export { anyone, memberOf, oneOf, type Authorizer } from './authorizers.ts';
export { peerOf } from './tls-options.ts';
export { WorkloadIdentity, type JwtSvid, type Picker, type WorkloadIdentityOptions } from './workload-identity.ts';
export type { X509Context, X509Svid } from './x509-context.ts';
