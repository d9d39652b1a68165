import type { Place } from '#schema/place.ts';

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
  /** Name of the CUSTOM provider. */
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
  readonly downstream: boolean;
}

export type Document =
  AuthorizationPolicy | PeerAuthentication | RequestAuthentication | ServiceEntry | WorkloadEntry | Registration;

export type Kind = Document['kind'];
