import { GarrisonError } from '#proto/errors/index.ts';
import { RevisionsClient } from '#proto/gen/garrison/v1/revisions.ts';
import type { Revision } from '#proto/gen/garrison/v1/revisions.ts';
import { cedarFor } from '#policies/cedar/index.ts';
import { compile, loadPolicies } from '#policies/index.ts';
import type { Mesh, Program, SourceText } from '#policies/index.ts';
import { readConfig } from '#runtime/config/config.ts';
import type { Config } from '#runtime/config/config.ts';
import { meshOf } from '#runtime/config/mesh-config.ts';
import { fromServiceError } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { describeFault } from '#schema/index.ts';
import type { ServiceError } from '@grpc/grpc-js';
import { explainUnreachable, serverToCall } from '../client-identity.ts';
import type { Invocation } from '../verb.ts';
import { readProfiles } from './profile-flag.ts';
import { readSources } from './read-sources.ts';

/** Which documents a request is explained with, and the mesh they are for. */
export interface PolicyChoice {
  readonly policies: readonly string[];
  readonly server: string | undefined;
  readonly config: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly bundle: string | undefined;
}

export type Surroundings = Pick<Invocation, 'env' | 'cwd'>;

/** The documents named, else those in force at a server, else those of garrison.yaml. */
export async function programOfChoice(
  choice: PolicyChoice,
  { env, cwd, clock }: Surroundings & Pick<Invocation, 'clock'>,
): Promise<Program> {
  const config = readConfig({ path: choice.config, env, cwd });
  if (choice.policies.length > 0) return programOf(readSources(choice.policies, cwd), meshOf(config), 1);
  if (choice.server !== undefined) {
    const deadline = clock.now().getTime() + patienceMs;
    return programAt({ ...choice, server: choice.server }, config, { cwd, deadline });
  }
  return programOf(readSources(config.policies, cwd), meshOf(config), 1);
}

export async function programOf(files: readonly SourceText[], mesh: Partial<Mesh>, revision: number): Promise<Program> {
  const loaded = loadPolicies(files, mesh, { cedar: await cedarFor(files) });
  if (loaded.ok) return compile(loaded.set, revision);
  const errors = loaded.faults.filter(({ severity }) => severity === 'error');
  throw new GarrisonError('INVALID_ARGUMENT', `the documents are not valid: ${errors.map(describeFault).join('; ')}`, {
    remedy: '`garrison policy validate` tells more',
  });
}

/** A revision says nothing of path normalisation and trusted hops, since a sidecar needs neither: those are the configuration's. */
async function programAt(choice: PolicyChoice & { server: string }, config: Config, at: Call): Promise<Program> {
  const { number, files, mesh } = await revisionInForce(choice, at);
  const said = mesh && {
    trustDomain: mesh.trustDomain,
    trustDomainAliases: mesh.trustDomainAliases,
    rootNamespace: mesh.rootNamespace,
    ...readProfiles([mesh.profile, ...[...mesh.namespaceProfiles].map(([name, profile]) => `${name}=${profile}`)]),
  };
  return programOf(files, { ...meshOf(config), ...said }, Number(number));
}

interface Call {
  readonly cwd: string;
  readonly deadline: number;
}

const patienceMs = 10_000;
const mostBytes = 256 * 1024 * 1024;

function revisionInForce(choice: PolicyChoice & { server: string }, { cwd, deadline }: Call): Promise<Revision> {
  const { address, security } = serverToCall(choice, 'authz', cwd);
  const client = grpcClient(RevisionsClient, address, security, { 'grpc.max_receive_message_length': mostBytes });
  return new Promise<Revision>((resolve, reject) => {
    const call = client.watch({}, { deadline });
    call.once('data', (revision: Revision) => {
      resolve(revision);
      call.cancel();
    });
    // Cancelled by ourselves it ends with an error too, which then comes too late to matter.
    call.on('error', (error: ServiceError) => reject(fromServiceError(error)));
    call.once('end', () => reject(new GarrisonError('UNAVAILABLE', 'the server told of no revision')));
  })
    .catch(explainUnreachable(choice.server))
    .finally(() => client.close());
}
