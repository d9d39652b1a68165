import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseTrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { type Shape, field, integer, list, map, object, oneOf } from '#schema/index.ts';
import { parseAddress } from '../address.ts';
import { type LogLevel, logLevels } from '../logger.ts';
import { readConfigFile, readConfigText } from './read-config-file.ts';
import {
  type CaConfig,
  type CheckConfig,
  type TelemetryConfig,
  authzShape,
  caShape,
  telemetryShape,
} from './service-config.ts';
import { type MeshConfig, type Profile, namespaceProfilesShape, pathNormalizations } from './mesh-config.ts';
import { dnsName, objectName, pathIn, trustDomain } from './shapes.ts';

/** Everything `garrison.yaml` says, with every default filled in and every path absolute. It never holds a secret. */
export interface Config extends MeshConfig {
  /** The file it was read from; undefined where there was none. */
  readonly file: string | undefined;
  readonly policies: readonly string[];
  /** Whether `policies` was written: the default folder may be absent, one that somebody named may not. */
  readonly policiesNamed: boolean;
  readonly state: string;
  readonly serverNames: readonly string[];
  readonly passphraseFile: string | undefined;
  readonly logLevel: LogLevel;
  readonly ca: CaConfig & { readonly workloadApi: string };
  readonly authz: CheckConfig;
  readonly telemetry: TelemetryConfig;
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
    profiles: field(namespaceProfilesShape, {
      default: new Map<string, Profile>(),
      describe: 'namespaces whose workloads have another profile: `{ legacy: istio }`',
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
      default: undefined,
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
    ca: field(caShape(folder), { default: undefined, describe: 'the certificate authority' }),
    authz: field(authzShape(folder), {
      default: undefined,
      describe: 'the authorization service: Mixer Check',
    }),
    telemetry: field(telemetryShape(folder), {
      default: undefined,
      describe: 'the telemetry collector: Mixer Report',
    }),
  });
  const ofNothing = <T>(shape: Shape<T>): T => readConfigText(shape, '{}', 'the defaults');
  return map(written, (given, here) => {
    const { trustDomain: domain = parseTrustDomain('cluster.local'), passphraseFile, ...rest } = given;
    const state = given.state ?? path.resolve(folder, '.garrison');
    const ca = given.ca ?? ofNothing(caShape(folder));
    const socket = ca.workloadApi ?? path.join(state, 'workload.sock');
    if (ca.workloadApi === undefined && !isSocketPath(socket)) {
      here.fault(
        `the socket path \`${socket}\` is longer than any kernel accepts`,
        'set `ca.workloadApi` to a shorter one',
      );
    }
    return {
      ...rest,
      state,
      trustDomain: domain,
      policies: given.policies ?? [path.resolve(folder, 'policies')],
      policiesNamed: given.policies !== undefined,
      passphraseFile,
      ca: { ...ca, workloadApi: socket },
      authz: given.authz ?? ofNothing(authzShape(folder)),
      telemetry: withLogFile(given.telemetry ?? ofNothing(telemetryShape(folder)), state),
    };
  });
}

function withLogFile(telemetry: TelemetryConfig<string | undefined>, state: string): TelemetryConfig {
  const { accessLog } = telemetry;
  if (accessLog === undefined) return { ...telemetry, accessLog };
  return { ...telemetry, accessLog: { ...accessLog, file: accessLog.file ?? path.join(state, 'access.log') } };
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
