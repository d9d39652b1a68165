import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Mesh } from '#policies/documents/index.ts';
import type { Address } from '#runtime/address.ts';
import type { BundleEndpointConfig } from '#runtime/config/bundle-endpoint-config.ts';
import type { AttestorsConfig } from '#runtime/config/attestors-config.ts';
import type { CallersConfig } from '#runtime/config/callers-config.ts';
import type { Config } from '#runtime/config/config.ts';
import type { FederationConfig } from '#runtime/config/federation-config.ts';
import type { OidcDiscoveryConfig } from '#runtime/config/oidc-discovery-config.ts';
import type { NodesConfig } from '#runtime/config/nodes-config.ts';
import type { CaKeysConfig } from '#runtime/config/ca-keys-config.ts';
import type { WorkloadSocketConfig } from '#runtime/config/workload-socket-config.ts';
import type { UpstreamConfig } from '#runtime/config/upstream-config.ts';
import { showConfig } from '#runtime/config/show-config.ts';
import { defaultAuthorityLife, type AuthorityLife } from './authority/create-authority.ts';
import { defaultJwtKeyRules, type JwtKeyRules } from './jwt-authority/keep-jwt-keys.ts';
import { defaultTtl, type TtlRules } from './issuing/desk.ts';

export interface CaSettings extends WorkloadSocketConfig {
  readonly trustDomain: TrustDomain;
  readonly serverNames: readonly string[];
  /** Files and folders of documents, for their registrations. */
  readonly policies: readonly string[];
  readonly policiesNamed: boolean;
  readonly mesh: Partial<Mesh>;
  readonly listen: Address;
  readonly workloadApi: Address;
  /** Absent: off. */
  readonly bundleEndpoint: BundleEndpointConfig | undefined;
  readonly federation: readonly FederationConfig[];
  /** Absent: off. */
  readonly oidcDiscovery: OidcDiscoveryConfig | undefined;
  readonly admin: Address;
  readonly ttl: TtlRules;
  readonly tokenSeconds: number;
  readonly life: AuthorityLife;
  readonly jwtKeyRules: JwtKeyRules;
  readonly keys: CaKeysConfig;
  /** A folder; absent: authorities are made or asked for. */
  readonly pluggedIn: string | undefined;
  readonly upstream: UpstreamConfig | undefined;
  /** A file with hashes of keys that are certified no more. */
  readonly blockedKeys: string | undefined;
  readonly callers: CallersConfig;
  readonly nodes: NodesConfig;
  readonly attestors: AttestorsConfig;
  /** Undefined: a file in the state folder. */
  readonly database: string | undefined;
  readonly databasePasswordFile: string | undefined;
  /** Where telemetry is configured to listen: ledger entries go to its audit log. Undefined: they go nowhere. */
  readonly telemetry: Address | undefined;
  /** First byte of serials, where one process writes the ledger. */
  readonly instance: number;
  /** The configuration as `/config` shows it, without secrets. */
  readonly shown: unknown;
}

export function caSettings(config: Config): CaSettings {
  const { trustDomain, trustDomainAliases, rootNamespace, profile, pathNormalization, trustedHops } = config;
  const { serverNames, policies, policiesNamed, ca } = config;
  const defaultSeconds = Math.floor(ca.x509TtlMs / 1000);
  return {
    trustDomain,
    serverNames,
    policies,
    policiesNamed,
    mesh: { trustDomain, trustDomainAliases, rootNamespace, profile, pathNormalization, trustedHops },
    listen: ca.listen,
    workloadApi: { path: ca.workloadApi },
    workloadApiAccess: ca.workloadApiAccess,
    workloadApiTcp: ca.workloadApiTcp,
    bundleEndpoint: ca.bundleEndpoint,
    federation: ca.federation,
    oidcDiscovery: ca.oidcDiscovery,
    admin: ca.admin,
    ttl: { defaultSeconds, maxSeconds: Math.max(defaultSeconds, defaultTtl.maxSeconds) },
    tokenSeconds: Math.floor(ca.joinTokenTtlMs / 1000),
    life: defaultAuthorityLife,
    jwtKeyRules: defaultJwtKeyRules,
    keys: ca.keys,
    pluggedIn: ca.pluggedIn,
    upstream: ca.upstream,
    blockedKeys: ca.blockedKeys,
    callers: ca.callers,
    nodes: ca.nodes,
    attestors: ca.attestors,
    database: ca.database,
    databasePasswordFile: ca.databasePasswordFile,
    telemetry: config.telemetry.listen,
    instance: 1,
    shown: showConfig(config),
  };
}
