import path from 'node:path';
import {
  type Here,
  type Shape,
  boolean,
  check,
  duration,
  field,
  list,
  map,
  object,
  oneOf,
  record,
  string,
} from '#schema/index.ts';
import { type Address, isUnix } from '../address.ts';
import { type LogLevel, logLevels } from '../logger.ts';
import { readConfigFile } from './read-config-file.ts';
import { type ProxyProtocolConfig, proxyProtocolShape } from './proxy-protocol-config.ts';
import { addressIn, localAddressIn, objectName, pathIn, socketIn } from './shapes.ts';

/** A sidecar's file, with every default filled in and every path absolute. */
export interface SidecarConfig {
  readonly file: string;
  readonly workload: SidecarWorkload;
  readonly identity: IdentityConfig;
  readonly authz: Address;
  readonly telemetry: Address;
  readonly inbound: readonly InboundConfig[];
  readonly outbound: { readonly listen: Address } | undefined;
  readonly admin: Address;
  /** The one setting that lets requests pass undecided when authz cannot be reached. */
  readonly failOpen: boolean;
  /** Whether a denied caller is told policy, rule and reason, and not only the decision's id. */
  readonly revealReasons: boolean;
  readonly checkTimeoutMs: number;
  readonly drainMs: number;
  readonly logLevel: LogLevel;
}

export interface SidecarWorkload {
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Whether it is the door of the mesh, where people without certificates come in. */
  readonly gateway: boolean;
}

export type IdentityConfig =
  | { readonly workloadApi: string }
  | {
      readonly ca: Address;
      /** The file of a join token. */
      readonly token: string;
    };

export const protocols = ['auto', 'http', 'grpc', 'tcp'] as const;

export interface InboundConfig {
  readonly listen: Address;
  readonly app: Address;
  readonly protocol: (typeof protocols)[number];
  readonly proxyProtocol?: ProxyProtocolConfig | undefined;
}

export function readSidecarConfig(file: string): SidecarConfig {
  const absolute = path.resolve(file);
  return { file: absolute, ...readConfigFile(sidecarShape(path.dirname(absolute)), absolute) };
}

const loopback = (port: number): Address => ({ host: '127.0.0.1', port });

/** The declaration of a sidecar's file; paths in it are relative to `folder`. */
export function sidecarShape(folder: string): Shape<Omit<SidecarConfig, 'file'>> {
  const address = addressIn(folder);
  const workload = object({
    namespace: field(objectName, { default: 'default', describe: 'the namespace of the workload' }),
    name: field(objectName, { required: true, describe: 'the name of the workload' }),
    serviceAccount: field(objectName, { default: 'default', describe: 'the service account, part of its SPIFFE ID' }),
    labels: field(record(string()), {
      default: new Map<string, string>(),
      describe: 'what selectors of policies match',
    }),
    gateway: field(boolean(), { default: false, describe: 'true for the door of the mesh' }),
  });
  const listener = object({
    listen: field(address, { required: true, describe: 'where other sidecars connect' }),
    app: field(address, { required: true, describe: 'where the application listens' }),
    protocol: field(oneOf(protocols), {
      default: 'auto' as const,
      describe: 'what the application speaks; auto follows the caller, down to HTTP/1.1 where it knows no HTTP/2',
    }),
    proxyProtocol: field(proxyProtocolShape, {
      nullable: true,
      describe: 'load balancers that say with a PROXY header on whose behalf they connect',
    }),
  });
  const inbound = check(listener, ({ listen, proxyProtocol }, here) => {
    if (proxyProtocol === undefined || !isUnix(listen)) return;
    here.fault('who connects to a unix socket has no address', 'listen on a port, or leave it out', 'proxyProtocol');
  });
  const written = object({
    workload: field(workload, { required: true, describe: 'whom this sidecar stands beside' }),
    identity: field(identityShape(folder), { required: true, describe: 'where its certificates come from' }),
    authz: field(address, { default: loopback(9091), describe: 'the authorization service' }),
    telemetry: field(address, { default: loopback(9092), describe: 'the telemetry collector' }),
    inbound: field(check(list(inbound), refuseCrossedPorts), {
      default: [] as readonly InboundConfig[],
      describe: 'listeners for requests to the application',
    }),
    outbound: field(
      object({ listen: field(localAddressIn(folder), { required: true, describe: 'plain HTTP or TCP' }) }),
      {
        nullable: true,
        describe: 'the listener for requests from the application; loopback only',
      },
    ),
    admin: field(address, {
      default: loopback(15_000),
      describe: 'livez, readyz, metrics, config, revision, identity',
    }),
    failOpen: field(boolean(), {
      default: false,
      describe: 'true lets requests pass undecided while authz cannot be reached; every such pass is audited as that',
    }),
    revealReasons: field(boolean(), {
      default: false,
      describe: 'true tells denied callers policy, rule and reason in headers; they always get the decision’s id',
    }),
    checkTimeout: field(duration({ minMs: 1 }), { default: 2000, describe: 'how long a check may take; `2s`' }),
    drain: field(duration(), { default: 10_000, describe: 'how long requests under way may take at the end; `10s`' }),
    logLevel: field(oneOf(logLevels), { default: 'info' as const, describe: 'the least severe lines that are logged' }),
  });
  return map(written, ({ checkTimeout, drain, ...rest }) => ({
    ...rest,
    checkTimeoutMs: checkTimeout,
    drainMs: drain,
  }));
}

/** Rules name an inbound port by either of its numbers (ADR 33), so one number must not be two ports. */
function refuseCrossedPorts(inbound: readonly InboundConfig[], here: Here): void {
  for (const [index, { listen, app }] of inbound.entries()) {
    const number = portOf(listen);
    if (number === 0 || number === portOf(app)) continue;
    const crossed = inbound.findIndex((other, at) => at !== index && portOf(other.app) === number);
    if (crossed < 0) continue;
    here.fault(
      `port ${number} is also that of another application, \`inbound[${crossed}].app\`: a rule for it would mean both`,
      'listen on another port',
      index,
      'listen',
    );
  }
}

function portOf(address: Address): number {
  return isUnix(address) ? 0 : address.port;
}

function identityShape(folder: string): Shape<IdentityConfig> {
  const written = check(
    object({
      workloadApi: field(socketIn(folder), { describe: 'the unix socket of the SPIFFE Workload API' }),
      ca: field(addressIn(folder), { describe: 'the certificate authority, with `token`' }),
      token: field(pathIn(folder), { describe: 'the file of a join token, with `ca`' }),
    }),
    (_value, here) => {
      const remote = here.has('ca') || here.has('token');
      if (here.has('workloadApi') === remote || here.has('ca') !== here.has('token')) {
        here.fault('needs `workloadApi`, or `ca` and `token`', 'write `{ workloadApi: ./.garrison/workload.sock }`');
      }
    },
  );
  return map(written, ({ workloadApi, ca, token }) => {
    if (workloadApi !== undefined) return { workloadApi };
    return ca !== undefined && token !== undefined ? { ca, token } : undefined;
  });
}
