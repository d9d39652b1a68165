import path from 'node:path';
import { type Shape, duration, field, integer, map, object, oneOf } from '#schema/index.ts';
import type { Address } from '../address.ts';
import { type LogLevel, logLevels } from '../logger.ts';
import { type AttestorsConfig, attestorsShape, unixOnly } from './attestors-config.ts';
import { type JoinConfig, joinShape } from './join-config.ts';
import { readConfigFile } from './read-config-file.ts';
import { addressIn, addressesIn, pathIn, socketIn } from './shapes.ts';
import { type WorkloadSocketConfig, workloadSocketFields } from './workload-socket-config.ts';

/** The file of a node's agent, with every default filled in and every path absolute. */
export interface AgentConfig extends WorkloadSocketConfig {
  readonly file: string;
  /** Of authorities of one ledger, in the order in which they are tried. */
  readonly ca: readonly Address[];
  readonly join: JoinConfig;
  /** The unix socket of the Workload API and of SDS. */
  readonly workloadApi: string;
  readonly admin: Address;
  /** The folder of the node's own identity. */
  readonly state: string;
  readonly cache: { readonly svids: number; readonly tokens: number };
  readonly attestors: AttestorsConfig;
  readonly drainMs: number;
  readonly logLevel: LogLevel;
}

export function readAgentConfig(file: string): AgentConfig {
  const absolute = path.resolve(file);
  return { file: absolute, ...readConfigFile(agentShape(path.dirname(absolute)), absolute) };
}

/** The declaration of an agent's file; paths in it are relative to `folder`. */
export function agentShape(folder: string): Shape<Omit<AgentConfig, 'file'>> {
  const kept = integer({ min: 1, max: 1_000_000 });
  const cache = object({
    svids: field(kept, { default: 1000, describe: 'X.509-SVIDs in memory that no workload holds at the moment' }),
    tokens: field(kept, { default: 1000, describe: 'JWT-SVIDs in memory, each until half of its life is over' }),
  });
  const written = object({
    ca: field(addressesIn(folder), {
      default: [{ host: '127.0.0.1', port: 15_012 }],
      describe: 'the certificate authority; a list where several share a ledger: the next is asked when one is away',
    }),
    join: field(joinShape(folder), { required: true, describe: 'how this node proves which one it is' }),
    workloadApi: field(socketIn(folder), {
      describe:
        'the unix socket of the Workload API and of SDS, for the processes that may enter its folder; default STATE/workload.sock',
    }),
    // Who is there, the kernel says: the socket itself need keep nobody out.
    ...workloadSocketFields('everyone'),
    admin: field(addressIn(folder), {
      default: { host: '127.0.0.1', port: 15_044 },
      describe: 'livez, readyz, metrics, config, status, revision, entries',
    }),
    state: field(pathIn(folder), {
      describe: 'where the identity of the node is kept, 0700; default ./.garrison-agent',
    }),
    cache: field(cache, { default: { svids: 1000, tokens: 1000 }, describe: 'how much is kept in memory' }),
    attestors: field(attestorsShape(folder), {
      default: unixOnly,
      describe: 'what is found out of workloads beside the kernel’s own word',
    }),
    drain: field(duration(), { default: 5000, describe: 'how long calls under way may take at the end; `5s`' }),
    logLevel: field(oneOf(logLevels), { default: 'info' as const, describe: 'the least severe lines that are logged' }),
  });
  return map(written, ({ drain, state = path.resolve(folder, '.garrison-agent'), workloadApi, ...rest }) => ({
    ...rest,
    state,
    workloadApi: workloadApi ?? path.join(state, 'workload.sock'),
    drainMs: drain,
  }));
}
