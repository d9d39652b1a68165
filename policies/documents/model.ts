import type { Place } from '#schema/place.ts';
import type { CedarEntity } from '../cedar/cedar-values.ts';

/** What every document carries. A namespace that the text leaves out is `default`. */
export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
  /** Milliseconds since 1970; the oldest PeerAuthentication of a scope wins. Absent sorts last, then by name. */
  readonly created: number | undefined;
  readonly place: Place;
}

/** Labels a workload must carry, all of them; empty selects every workload in scope. */
export type Selector = ReadonlyMap<string, string>;

export interface TargetRef {
  readonly kind: 'Gateway' | 'GatewayClass' | 'Service' | 'ServiceEntry';
  readonly name: string;
}

export const actions = ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'] as const;
export type Action = (typeof actions)[number];

/** security.istio.io AuthorizationPolicy. An absent list is an empty one; the parser has refused the lists that must not be empty. */
export interface AuthorizationPolicy {
  readonly kind: 'AuthorizationPolicy';
  readonly metadata: Metadata;
  readonly selector: Selector;
  readonly targetRefs: readonly TargetRef[];
  readonly action: Action;
  /** Name of the CUSTOM provider: a Handler in the policy's namespace, or else in the root namespace. */
  readonly provider: string | undefined;
  /** No rules: an ALLOW that matches nothing. */
  readonly rules: readonly Rule[];
  /** Annotation `istio.io/dry-run`. */
  readonly dryRun: boolean;
}

/** Matches when any `from`, any `to` and every `when` match; an absent part matches everything. */
export interface Rule {
  readonly place: Place;
  readonly from: readonly Source[];
  readonly to: readonly Operation[];
  readonly when: readonly Condition[];
  /** Lists that are written and empty, `from[0].source.principals`: they ask nothing. Absent where there is none. */
  readonly emptyLists?: readonly string[];
}

export interface Source {
  readonly principals: readonly string[];
  readonly notPrincipals: readonly string[];
  readonly requestPrincipals: readonly string[];
  readonly notRequestPrincipals: readonly string[];
  readonly namespaces: readonly string[];
  readonly notNamespaces: readonly string[];
  readonly serviceAccounts: readonly string[];
  readonly notServiceAccounts: readonly string[];
  readonly trustDomains: readonly string[];
  readonly notTrustDomains: readonly string[];
  readonly ipBlocks: readonly string[];
  readonly notIpBlocks: readonly string[];
  readonly remoteIpBlocks: readonly string[];
  readonly notRemoteIpBlocks: readonly string[];
}

export interface Operation {
  readonly hosts: readonly string[];
  readonly notHosts: readonly string[];
  readonly ports: readonly string[];
  readonly notPorts: readonly string[];
  readonly methods: readonly string[];
  readonly notMethods: readonly string[];
  readonly paths: readonly string[];
  readonly notPaths: readonly string[];
}

export interface Condition {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

export const mtlsModes = ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'] as const;
export type MtlsMode = (typeof mtlsModes)[number];

/** security.istio.io PeerAuthentication. */
export interface PeerAuthentication {
  readonly kind: 'PeerAuthentication';
  readonly metadata: Metadata;
  readonly selector: Selector;
  readonly mode: MtlsMode;
  /** Workload port → mode; only with a selector. */
  readonly portModes: ReadonlyMap<number, MtlsMode>;
}

/** security.istio.io RequestAuthentication. */
export interface RequestAuthentication {
  readonly kind: 'RequestAuthentication';
  readonly metadata: Metadata;
  readonly selector: Selector;
  readonly targetRefs: readonly TargetRef[];
  readonly jwtRules: readonly JwtRule[];
}

export interface JwtRule {
  readonly place: Place;
  /** What the token's `iss` must equal; empty where the rule leaves it out, which it may when it names a `jwksUri`. */
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly jwks: string | undefined;
  readonly jwksUri: string | undefined;
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  readonly outputPayloadToHeader: string | undefined;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
  readonly forwardOriginalToken: boolean;
  readonly timeoutMs: number;
  readonly spaceDelimitedClaims: readonly string[];
  readonly presence: 'OPTIONAL' | 'REQUIRED';
}

export interface ServicePort {
  readonly name: string;
  readonly number: number;
  readonly protocol: string;
  readonly targetPort: number | undefined;
}

/** One place a service runs at; also what a WorkloadEntry says. */
export interface Endpoint {
  /** IP address, DNS name, or `unix:///path`. */
  readonly address: string;
  /** Port name → port where it differs from the service's. */
  readonly ports: ReadonlyMap<string, number>;
  readonly labels: ReadonlyMap<string, string>;
  readonly serviceAccount: string | undefined;
  readonly weight: number | undefined;
}

/** networking.istio.io ServiceEntry: the service registry. */
export interface ServiceEntry {
  readonly kind: 'ServiceEntry';
  readonly metadata: Metadata;
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly location: 'MESH_EXTERNAL' | 'MESH_INTERNAL';
  readonly resolution: 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS';
  readonly endpoints: readonly Endpoint[];
  /** Selects WorkloadEntry documents of the same namespace; undefined: `endpoints` stand alone. */
  readonly workloadSelector: Selector | undefined;
  readonly subjectAltNames: readonly string[];
}

/** networking.istio.io WorkloadEntry. */
export interface WorkloadEntry {
  readonly kind: 'WorkloadEntry';
  readonly metadata: Metadata;
  readonly endpoint: Endpoint;
}

/** garrison.dev Registration: who is entitled to which identity. */
export interface Registration {
  readonly kind: 'Registration';
  readonly metadata: Metadata;
  /** Whole SPIFFE ID; where the text names a service account, the ID it stands for in the mesh's trust domain. */
  readonly spiffeId: string;
  /** All must hold for the caller: `unix:uid:1001`, `unix:path:/usr/bin/x`, `token:NAME`. */
  readonly selectors: readonly string[];
  readonly dnsNames: readonly string[];
  readonly x509TtlSeconds: number | undefined;
  readonly jwtTtlSeconds: number | undefined;
  readonly hint: string | undefined;
  readonly federatesWith: readonly string[];
  /** For a node: identities it may ask for on behalf of others, whole or ending in `/*`. */
  readonly node: { readonly identities: readonly string[] } | undefined;
  readonly downstream: boolean;
}

/** garrison.dev Handler: somebody else's decision, asked for where a CUSTOM policy names it. */
export interface Handler {
  readonly kind: 'Handler';
  readonly metadata: Metadata;
  readonly check: CheckHandler;
}

export interface CheckHandler {
  /** `grpc`: Envoy's ext_authz v3. `http`: the request's method, path and chosen headers; 200 allows. */
  readonly protocol: 'grpc' | 'http';
  /** `host:port`, `[v6]:port` or `unix:///path`. */
  readonly address: string;
  readonly timeoutMs: number;
  /** What an answer that does not come means. */
  readonly failureMode: 'deny' | 'allow';
  /** HTTP status of the refusal when the handler fails. */
  readonly statusOnError: number;
  /** Undefined: plaintext. */
  readonly tls: HandlerTls | undefined;
  /** HTTP only: put before the request's path. */
  readonly pathPrefix: string;
  /** HTTP only: request headers the handler sees, beside method, path, host and authorization; `x-*` is a prefix. */
  readonly includeRequestHeadersInCheck: readonly string[];
  /** HTTP only: headers of the answer that are set on the request to the application. */
  readonly headersToUpstreamOnAllow: readonly string[];
  /** HTTP only: headers of the answer that go back with a refusal. */
  readonly headersToDownstreamOnDeny: readonly string[];
  /** gRPC only: `context_extensions` of every question. */
  readonly contextExtensions: ReadonlyMap<string, string>;
}

export interface HandlerTls {
  /** PEM of the authorities that may have signed the handler's certificate; undefined: the mesh's own trust bundle. */
  readonly caCertificates: string | undefined;
  /** DNS name the certificate must carry; undefined: the host of the address, unless `spiffeId` is given. */
  readonly serverName: string | undefined;
  /** SPIFFE ID the certificate must carry. */
  readonly spiffeId: string | undefined;
  /** Whether the asking process shows its own SVID. */
  readonly clientCertificate: boolean;
}

/** garrison.dev CedarPolicy: Cedar policies, in force as an AuthorizationPolicy is. */
export interface CedarPolicy {
  readonly kind: 'CedarPolicy';
  readonly metadata: Metadata;
  /** Where the text of the policies stands. */
  readonly place: Place;
  readonly selector: Selector;
  readonly policy: string;
  /** Actions of its own, beside those of a check. */
  readonly actions: readonly string[];
  readonly entities: readonly CedarEntity[];
}

export type Document =
  | AuthorizationPolicy
  | PeerAuthentication
  | RequestAuthentication
  | ServiceEntry
  | WorkloadEntry
  | Registration
  | Handler
  | CedarPolicy;

export type Kind = Document['kind'];
