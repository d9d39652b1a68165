import path from 'node:path';
import { type Shape, boolean, duration, field, integer, map, object, string } from '#schema/index.ts';
import type { Address } from '../address.ts';
import { type AttestorsConfig, attestorsShape, unixOnly } from './attestors-config.ts';
import { type BundleEndpointConfig, bundleEndpointShape } from './bundle-endpoint-config.ts';
import { type CallersConfig, callersShape, noCallers } from './callers-config.ts';
import { type CaKeysConfig, caKeysShape, fileKeys } from './ca-keys-config.ts';
import { databaseUrl } from './database-config.ts';
import { type KeysConfig, defaultKeys, keysShape } from './issuer-keys-config.ts';
import { type NodesConfig, nodesShape, noNodes } from './nodes-config.ts';
import { type FederationConfig, federationShape } from './federation-config.ts';
import { type OidcDiscoveryConfig, oidcDiscoveryShape } from './oidc-discovery-config.ts';
import { type UpstreamConfig, upstreamShape } from './upstream-config.ts';
import { addressIn, localAddressIn, pathIn, socketIn } from './shapes.ts';
import { type WorkloadSocketConfig, workloadSocketFields } from './workload-socket-config.ts';

export interface CaConfig extends WorkloadSocketConfig {
  readonly listen: Address;
  /** Undefined here: `workload.sock` in the state folder. */
  readonly workloadApi: string | undefined;
  readonly bundleEndpoint: BundleEndpointConfig | undefined;
  readonly federation: readonly FederationConfig[];
  readonly oidcDiscovery: OidcDiscoveryConfig | undefined;
  readonly admin: Address;
  readonly x509TtlMs: number;
  readonly joinTokenTtlMs: number;
  readonly keys: CaKeysConfig;
  /** A folder with the files of an authority that somebody else made, as Istio's `cacerts`. */
  readonly pluggedIn: string | undefined;
  readonly upstream: UpstreamConfig | undefined;
  readonly blockedKeys: string | undefined;
  /** PostgreSQL; undefined: a file in the state folder. */
  readonly database: string | undefined;
  readonly databasePasswordFile: string | undefined;
  readonly callers: CallersConfig;
  readonly nodes: NodesConfig;
  readonly attestors: AttestorsConfig;
}

export interface AuthzConfig {
  readonly listen: Address;
  readonly local: Address | undefined;
  /** `null` turns it off. */
  readonly http: Address | undefined;
  readonly admin: Address;
}

export interface CheckConfig extends AuthzConfig {
  readonly keys: KeysConfig;
}

/** `File` is undefined until the folder is known that the default lies in. */
export interface TelemetryConfig<File = string> extends AuthzConfig {
  /** How long audit records stay; undefined is for good. */
  readonly retentionMs: number | undefined;
  readonly accessLog: AccessLogConfig<File> | undefined;
  readonly metrics: MetricsConfig;
}

export interface AccessLogConfig<File = string> {
  /** `-` is standard output. */
  readonly file: File;
  readonly maxBytes: number;
  readonly keep: number;
}

export interface MetricsConfig {
  readonly maxSeries: number;
  readonly idleMs: number;
  readonly bytes: boolean;
  readonly cluster: string;
}

const day = 24 * 3_600_000;

export function caShape(folder: string): Shape<CaConfig> {
  const address = addressIn(folder);
  const written = object({
    listen: field(address, {
      default: loopback(15_012),
      describe: 'IstioCertificateService: server TLS with a token, or mTLS; `127.0.0.1:15012`',
    }),
    workloadApi: field(socketIn(folder), {
      describe: 'the unix socket of the SPIFFE Workload API; `workload.sock` in `state`',
    }),
    ...workloadSocketFields(),
    bundleEndpoint: field(bundleEndpointShape(folder), {
      nullable: true,
      describe: 'the SPIFFE bundle endpoint, an address or more; off where it is left out',
    }),
    federation: field(federationShape(folder), {
      default: [],
      describe: 'other trust domains whose bundles registrations may ask for',
    }),
    oidcDiscovery: field(oidcDiscoveryShape(folder), {
      nullable: true,
      describe: 'OpenID Connect discovery for JWT-SVIDs; off where it is left out',
    }),
    admin: field(address, { default: loopback(15_014), describe: 'the admin pages; `127.0.0.1:15014`' }),
    x509Ttl: field(duration({ minMs: 10_000, maxMs: 7 * day }), {
      default: 3_600_000,
      describe: 'how long a workload’s certificate is good; it is renewed at half of that; `1h`',
    }),
    joinTokenTtl: field(duration({ minMs: 1000, maxMs: day }), {
      default: 600_000,
      describe: 'how long a join token may be redeemed; `10m`',
    }),
    keys: field(caKeysShape(folder), { default: fileKeys, describe: 'where its private keys are; files in `state`' }),
    pluggedIn: field(pathIn(folder), {
      nullable: true,
      describe:
        'a folder with ca-cert.pem, ca-key.pem, cert-chain.pem and root-cert.pem of an authority made elsewhere',
    }),
    blockedKeys: field(pathIn(folder), {
      nullable: true,
      describe: 'a file with the SHA-256 of public keys, one a line, that are certified no more',
    }),
    upstream: field(upstreamShape(folder), {
      nullable: true,
      describe: 'the authority above this one, which signs its intermediates; a root of its own where it is left out',
    }),
    database: field(databaseUrl, {
      nullable: true,
      describe: 'a PostgreSQL for the ledger, shared by several authorities; a file in `state` where it is left out',
    }),
    databasePasswordFile: field(pathIn(folder), {
      nullable: true,
      describe: 'a file with the password of `database`; else `PGPASSWORD` or `~/.pgpass`',
    }),
    callers: field(callersShape(folder), {
      default: noCallers,
      describe: 'how callers may prove themselves beside join token and current SVID',
    }),
    nodes: field(nodesShape(folder), {
      default: noNodes,
      describe: 'how machines may prove themselves, to become nodes, beside join tokens',
    }),
    attestors: field(attestorsShape(folder), {
      default: unixOnly,
      describe: 'what is found out of workloads beside the kernel’s own word',
    }),
  });
  return map(written, ({ x509Ttl, joinTokenTtl, ...rest }) => ({
    ...rest,
    x509TtlMs: x509Ttl,
    joinTokenTtlMs: joinTokenTtl,
  }));
}

interface DefaultPorts {
  readonly listen: number;
  readonly http: number;
  readonly admin: number;
}

/** The keys that authz and telemetry have in common. */
function portFields(folder: string, ports: DefaultPorts) {
  const address = addressIn(folder);
  return {
    listen: field(address, {
      default: loopback(ports.listen),
      describe: `mTLS: gRPC for sidecars and proxies; \`127.0.0.1:${ports.listen}\``,
    }),
    local: field(localAddressIn(folder), {
      nullable: true,
      describe: 'the same in plaintext, for tools and a proxy on this host: a loopback address or a unix socket',
    }),
    http: field(localAddressIn(folder), {
      nullable: true,
      describe: `HTTP for tools on this host; \`127.0.0.1:${ports.http}\`, off where it is null`,
    }),
    admin: field(address, {
      default: loopback(ports.admin),
      describe: `the admin pages; \`127.0.0.1:${ports.admin}\``,
    }),
  };
}

export function authzShape(folder: string): Shape<CheckConfig> {
  const written = object({
    ...portFields(folder, { listen: 9091, http: 8181, admin: 15_024 }),
    keys: field(keysShape(folder), { default: defaultKeys, describe: 'how the keys of token issuers are fetched' }),
  });
  return map(written, ({ http, ...rest }, here) => ({
    ...rest,
    http: http ?? (here.has('http') ? undefined : loopback(8181)),
  }));
}

export function telemetryShape(folder: string): Shape<TelemetryConfig<string | undefined>> {
  const logFile: Shape<string> = map(pathIn(folder), (file) => (path.basename(file) === '-' ? '-' : file));
  const accessLog = object({
    file: field(logFile, { describe: 'where its lines go; `-` is standard output; `access.log` in `state`' }),
    maxBytes: field(integer({ min: 65_536 }), {
      default: 64 * 1024 * 1024,
      describe: 'size at which a new file is begun',
    }),
    keep: field(integer({ min: 0, max: 1000 }), { default: 5, describe: 'how many full files stay' }),
  });
  const audit = object({
    retention: field(duration({ minMs: 60_000 }), {
      nullable: true,
      describe: 'how long records stay; for good where it is left out',
    }),
  });
  const metrics = object({
    maxSeries: field(integer({ min: 1 }), {
      default: 2000,
      describe: 'series beyond these are counted in one overflow series',
    }),
    idle: field(duration({ minMs: 1000 }), {
      default: 3_600_000,
      describe: 'a series that nothing adds to goes after this long; `1h`',
    }),
    bytes: field(boolean(), { default: true, describe: 'whether sizes of requests and responses are measured' }),
    cluster: field(string({ minLength: 1 }), { default: 'Kubernetes', describe: 'the value of the cluster labels' }),
  });
  const written = object({
    ...portFields(folder, { listen: 9092, http: 8182, admin: 15_034 }),
    audit: field(audit, { default: { retention: undefined }, describe: 'the audit log' }),
    accessLog: field(accessLog, {
      nullable: true,
      describe: 'one line of JSON for every request; off where it is null',
    }),
    metrics: field(metrics, { default: undefined, describe: 'Istio’s standard metrics' }),
  });
  return map(written, ({ http, audit: records, metrics: given, accessLog: log, ...rest }, here) => {
    const { idle, ...counted } = given ?? { maxSeries: 2000, idle: 3_600_000, bytes: true, cluster: 'Kubernetes' };
    const lines = log ?? { file: undefined, maxBytes: 64 * 1024 * 1024, keep: 5 };
    return {
      ...rest,
      http: http ?? (here.has('http') ? undefined : loopback(8182)),
      retentionMs: records.retention,
      accessLog: log === undefined && here.has('accessLog') ? undefined : lines,
      metrics: { ...counted, idleMs: idle },
    };
  });
}

function loopback(port: number): Address {
  return { host: '127.0.0.1', port };
}
