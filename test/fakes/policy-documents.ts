import type {
  AuthorizationPolicy,
  Condition,
  JwtRule,
  Metadata,
  Operation,
  PeerAuthentication,
  RequestAuthentication,
  Rule,
  Source,
} from '#policies/documents/model.ts';
import { defaultMesh } from '#policies/documents/mesh.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import { makePolicySet } from '#policies/documents/policy-set.ts';
import type { PolicySet } from '#policies/documents/policy-set.ts';
import type { Document } from '#policies/documents/model.ts';
import type { Place } from '#schema/place.ts';

/** Documents as they come out of the parser, written by hand with only what a test is about. */

const nowhere: Place = { file: 'test.yaml', line: 1, column: 1 };

export type RuleText = {
  from?: Partial<Source>[];
  to?: Partial<Operation>[];
  when?: { key: string; values?: readonly string[]; notValues?: readonly string[] }[];
};

const emptySource: Source = {
  principals: [],
  notPrincipals: [],
  requestPrincipals: [],
  notRequestPrincipals: [],
  namespaces: [],
  notNamespaces: [],
  serviceAccounts: [],
  notServiceAccounts: [],
  trustDomains: [],
  notTrustDomains: [],
  ipBlocks: [],
  notIpBlocks: [],
  remoteIpBlocks: [],
  notRemoteIpBlocks: [],
};

const emptyOperation: Operation = {
  hosts: [],
  notHosts: [],
  ports: [],
  notPorts: [],
  methods: [],
  notMethods: [],
  paths: [],
  notPaths: [],
};

export function metadata(name: string, namespace = 'shop'): Metadata {
  return { name, namespace, labels: new Map(), annotations: new Map(), created: undefined, place: nowhere };
}

export function rule({ from = [], to = [], when = [] }: RuleText): Rule {
  return {
    place: nowhere,
    from: from.map((source) => ({ ...emptySource, ...source })),
    to: to.map((operation) => ({ ...emptyOperation, ...operation })),
    when: when.map((condition): Condition => ({ values: [], notValues: [], ...condition })),
  };
}

export function policy(
  name: string,
  action: AuthorizationPolicy['action'],
  rules: readonly RuleText[],
  more: Partial<Omit<AuthorizationPolicy, 'metadata' | 'action' | 'rules'>> & { namespace?: string } = {},
): AuthorizationPolicy {
  const { namespace, ...rest } = more;
  return {
    kind: 'AuthorizationPolicy',
    metadata: metadata(name, namespace),
    selector: new Map(),
    targetRefs: [],
    action,
    provider: undefined,
    rules: rules.map(rule),
    dryRun: false,
    ...rest,
  };
}

export function peerAuthentication(
  name: string,
  mode: PeerAuthentication['mode'],
  more: Partial<Omit<PeerAuthentication, 'metadata' | 'mode'>> & { namespace?: string; created?: number } = {},
): PeerAuthentication {
  const { namespace, created, ...rest } = more;
  return {
    kind: 'PeerAuthentication',
    metadata: { ...metadata(name, namespace), created },
    selector: new Map(),
    mode,
    portModes: new Map(),
    ...rest,
  };
}

export function jwtRule(more: Partial<JwtRule>): JwtRule {
  return {
    place: nowhere,
    issuer: '',
    audiences: [],
    jwks: undefined,
    jwksUri: undefined,
    fromHeaders: [],
    fromParams: [],
    fromCookies: [],
    outputPayloadToHeader: undefined,
    outputClaimToHeaders: [],
    forwardOriginalToken: false,
    timeoutMs: 5000,
    spaceDelimitedClaims: [],
    presence: 'OPTIONAL',
    ...more,
  };
}

export function requestAuthentication(
  name: string,
  jwtRules: readonly JwtRule[],
  namespace = 'shop',
): RequestAuthentication {
  return {
    kind: 'RequestAuthentication',
    metadata: metadata(name, namespace),
    selector: new Map(),
    targetRefs: [],
    jwtRules,
  };
}

export function policySet(documents: readonly Document[], mesh: Partial<Mesh> = {}): PolicySet {
  return makePolicySet({ ...defaultMesh, ...mesh }, documents);
}
