import { existsSync } from 'node:fs';
import path from 'node:path';
import { type TrustDomain, parseTrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { type Shape, duration, field, integer, list, map, object, oneOf } from '#schema/index.ts';
import { type Address, parseAddress } from '../address.ts';
import { type LogLevel, logLevels } from '../logger.ts';
import { readConfigFile, readConfigText } from './read-config-file.ts';
import { addressIn, dnsName, localAddressIn, objectName, pathIn, socketIn, trustDomain } from './shapes.ts';

export const pathNormalizations = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;

/** Everything `garrison.yaml` says, with every default filled in and every path absolute. It never holds a secret. */
export interface Config {
  /** The file it was read from; undefined where there was none. */
  readonly file: string | undefined;
  readonly trustDomain: TrustDomain;
  readonly trustDomainAliases: readonly TrustDomain[];
  readonly rootNamespace: string;
  readonly profile: 'strict' | 'istio';
  readonly pathNormalization: (typeof pathNormalizations)[number] | null;
  readonly trustedHops: number;
  readonly policies: readonly string[];
  /** Whether `policies` was written: the default folder may be absent, one that somebody named may not. */
  readonly policiesNamed: boolean;
  readonly state: string;
  readonly serverNames: readonly string[];
  readonly passphraseFile: string | undefined;
  readonly logLevel: LogLevel;
  readonly ca: CaConfig;
  readonly authz: CheckConfig;
  readonly telemetry: CheckConfig;
}

export interface CaConfig {
  readonly listen: Address;
  readonly workloadApi: string;
  readonly bundleEndpoint: Address | undefined;
  readonly admin: Address;
  readonly x509TtlMs: number;
  readonly joinTokenTtlMs: number;
}

/** What authz and telemetry have in common. */
export interface CheckConfig {
  readonly listen: Address;
  readonly local: Address | undefined;
  /** `null` turns it off. */
  readonly http: Address | undefined;
  readonly admin: Address;
}

export interface ConfigPlace {
  readonly path?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** From the path, else from GARRISON_CONFIG, else from `garrison.yaml` in the working folder, else all defaults. */
export function readConfig({ path: named, env, cwd }: ConfigPlace): Config {
  const chosen = named ?? env['GARRISON_CONFIG'];
  const file = path.resolve(cwd, chosen ?? 'garrison.yaml');
  if (chosen === undefined && !existsSync(file)) {
    return { ...readConfigText(configShape(cwd), '{}', 'the defaults'), file: undefined };
  }
  return { ...readConfigFile(configShape(path.dirname(file)), file), file };
}

/** The declaration of `garrison.yaml`; paths in it are relative to `folder`. */
export function configShape(folder: string): Shape<Omit<Config, 'file'>> {
  const address = addressIn(folder);
  const written = object({
    trustDomain: field(trustDomain, { default: undefined, describe: 'the trust domain of this mesh; `cluster.local`' }),
    trustDomainAliases: field(list(trustDomain), {
      default: [],
      describe: 'other names of the trust domain, under which policies may know its principals',
    }),
    rootNamespace: field(objectName, {
      default: 'istio-system',
      describe: 'the namespace whose policies hold for every workload',
    }),
    profile: field(oneOf(['strict', 'istio']), {
      default: 'strict' as const,
      describe: 'strict: an ambiguous request is never allowed for being ambiguous; istio: as upstream reads it',
    }),
    pathNormalization: field(oneOf(pathNormalizations), {
      nullable: true,
      default: null,
      describe: 'how request paths are normalised before rules see them; null is what the profile does',
    }),
    trustedHops: field(integer({ min: 0, max: 100 }), {
      default: 0,
      describe: 'how many X-Forwarded-For entries, from the right, proxies of ours added; 0 is the direct peer',
    }),
    policies: field(list(pathIn(folder)), {
      default: undefined,
      describe: 'files or folders of documents, watched, together one revision; `./policies`',
    }),
    state: field(pathIn(folder), {
      default: path.resolve(folder, '.garrison'),
      describe: 'the folder of databases, keys and sockets, created with mode 0700; `./.garrison`',
    }),
    serverNames: field(list(dnsName), {
      default: [],
      describe: 'DNS names in the certificates of the mesh’s own servers, beside `localhost`',
    }),
    passphraseFile: field(pathIn(folder), {
      nullable: true,
      describe: 'a file with the passphrase that the keys of the certificate authority are encrypted with in `state`',
    }),
    logLevel: field(oneOf(logLevels), { default: 'info' as const, describe: 'the least severe lines that are logged' }),
    ca: field(caShape(folder, address), { default: undefined, describe: 'the certificate authority' }),
    authz: field(checkShape(folder, address, { listen: 9091, http: 8181, admin: 15_024 }), {
      default: undefined,
      describe: 'the authorization service: Mixer Check',
    }),
    telemetry: field(checkShape(folder, address, { listen: 9092, http: 8182, admin: 15_034 }), {
      default: undefined,
      describe: 'the telemetry collector: Mixer Report',
    }),
  });
  const ofNothing = <T>(shape: Shape<T>): T => readConfigText(shape, '{}', 'the defaults');
  return map(written, (given, here) => {
    const { trustDomain: domain = parseTrustDomain('cluster.local'), passphraseFile, ...rest } = given;
    const ca = given.ca ?? ofNothing(caShape(folder, address));
    const socket = ca.workloadApi ?? path.join(given.state, 'workload.sock');
    if (ca.workloadApi === undefined && !isSocketPath(socket)) {
      here.fault(
        `the socket path \`${socket}\` is longer than any kernel accepts`,
        'set `ca.workloadApi` to a shorter one',
      );
    }
    return {
      ...rest,
      trustDomain: domain,
      policies: given.policies ?? [path.resolve(folder, 'policies')],
      policiesNamed: given.policies !== undefined,
      passphraseFile,
      ca: { ...ca, workloadApi: socket },
      authz: given.authz ?? ofNothing(checkShape(folder, address, { listen: 9091, http: 8181, admin: 15_024 })),
      telemetry: given.telemetry ?? ofNothing(checkShape(folder, address, { listen: 9092, http: 8182, admin: 15_034 })),
    };
  });
}

function caShape(
  folder: string,
  address: Shape<Address>,
): Shape<Omit<CaConfig, 'workloadApi'> & { workloadApi: string | undefined }> {
  const written = object({
    listen: field(address, {
      default: loopback(15_012),
      describe: 'IstioCertificateService: server TLS with a token, or mTLS',
    }),
    workloadApi: field(socketIn(folder), {
      describe: 'the unix socket of the SPIFFE Workload API; `workload.sock` in `state`',
    }),
    bundleEndpoint: field(address, {
      nullable: true,
      describe: 'the SPIFFE bundle endpoint; off where it is left out',
    }),
    admin: field(address, { default: loopback(15_014), describe: 'livez, readyz, metrics, config, status' }),
    x509Ttl: field(duration({ minMs: 10_000, maxMs: 7 * 24 * 3_600_000 }), {
      default: 3_600_000,
      describe: 'how long a workload’s certificate is good; it is renewed at half of that; `1h`',
    }),
    joinTokenTtl: field(duration({ minMs: 1000, maxMs: 24 * 3_600_000 }), {
      default: 600_000,
      describe: 'how long a join token may be redeemed; `10m`',
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

function checkShape(folder: string, address: Shape<Address>, ports: DefaultPorts): Shape<CheckConfig> {
  const written = object({
    listen: field(address, { default: loopback(ports.listen), describe: 'mTLS: gRPC for sidecars and proxies' }),
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
      describe: 'livez, readyz, metrics, config, revision, status',
    }),
  });
  return map(written, ({ http, ...rest }, here) => ({
    ...rest,
    http: http ?? (here.has('http') ? undefined : loopback(ports.http)),
  }));
}

function loopback(port: number): Address {
  return { host: '127.0.0.1', port };
}

function isSocketPath(file: string): boolean {
  try {
    parseAddress(`unix:${file}`);
    return true;
  } catch (error) {
    if (error instanceof GarrisonError) return false;
    throw error;
  }
}
