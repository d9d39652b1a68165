import { TrustService } from '#proto/gen/garrison/v1/identity.ts';
import type { Address } from '#runtime/address.ts';
import { AdminServer } from '#runtime/admin-server.ts';
import { socketModes } from '#runtime/config/workload-socket-config.ts';
import { warnOfExposed } from '#runtime/config/read-secret-file.ts';
import { showConfig } from '#runtime/config/show-config.ts';
import type { AgentConfig } from '#runtime/config/agent-config.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { Metrics } from '#runtime/metrics.ts';
import { openAttestors } from '#services/workload/attest/open-attestors.ts';
import { serveWorkloadApi } from '#services/workload/serve-workload-api.ts';
import { watchBundle } from '#services/workload/watch-bundle.ts';
import { type AgentCore, type AgentSurroundings, openAgentCore } from './agent-core.ts';
import { AuthorityPlaces } from './asking/authority-places.ts';
import { AgentCounts } from './agent-counts.ts';
import { describeAgent, describeEntries, describeTrust } from './describe-agent.ts';
import { wayOfJoining } from './join/ways.ts';

export interface Agent extends AsyncDisposable {
  readonly addresses: {
    readonly workloadApi: Address;
    readonly workloadApiTcp: Address | undefined;
    readonly agentAdmin: Address;
  };
  readonly admin: AdminServer;
  readonly core: AgentCore;
}

/** The agent of a node, listening when this resolves. Disposing drains it. */
export async function composeAgent(
  settings: Omit<AgentConfig, 'file' | 'logLevel'>,
  surroundings: AgentSurroundings & { readonly metrics?: Metrics },
): Promise<Agent> {
  const { clock, logger } = surroundings;
  const metrics = surroundings.metrics ?? new Metrics();
  await using starting = new AsyncDisposableStack();
  const admin = starting.use(new AdminServer({ logger, metrics }));
  const listening = admin.readiness.pending('listen');
  admin.page('/config', () => showConfig(settings));
  const agentAdmin = await admin.listen(settings.admin, { setting: 'admin' });
  const joining = admin.readiness.pending('node identity');
  const places = new AuthorityPlaces(settings.ca);
  const way = wayOfJoining(places, settings.join, warnOfExposed(logger));
  const core = starting.use(await openAgentCore({ places, way, cache: settings.cache }, surroundings));
  joining();
  starting.use(readinessOf(core, admin));
  const counts = new AgentCounts();
  counts.observe(metrics, core, clock);
  admin
    .page('/status', () => describeAgent(core, counts.streams))
    .page('/revision', () => describeTrust(core))
    .page('/entries', () => describeEntries(core));

  const server = starting.use(new GrpcServer({ logger, metrics, drainMs: settings.drainMs }));
  const opened = (): (() => void) => counts.streamOpened();
  const attestors = openAttestors(settings.attestors, { clock, logger });
  serveWorkloadApi(server, { ...core, clock, logger, attestors, opened });
  const bundle = watchBundle(core.changes, () => core.trust.toBundle());
  server.serverStream(TrustService.watchBundle, bundle);
  const place = { setting: 'workloadApi', mode: socketModes[settings.workloadApiAccess] };
  const workloadApi = await server.listen({ path: settings.workloadApi }, { kind: 'plaintext' }, place);
  const workloadApiTcp =
    settings.workloadApiTcp &&
    (await server.listen(settings.workloadApiTcp, { kind: 'loopback' }, { setting: 'workloadApiTcp' }));
  listening();
  const all = starting.move();
  return {
    addresses: { workloadApi, workloadApiTcp, agentAdmin },
    admin,
    core,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Not ready until it was told what to hand out, and again while the authority does not accept the node. */
function readinessOf({ registrations, identity, authority }: AgentCore, { readiness }: AdminServer): Disposable {
  const told = readiness.pending('entries');
  const stop = registrations.onChange(told);
  if (registrations.current !== undefined) told();
  let accepted: (() => void) | undefined;
  const stopRefused = authority.onChange(() => {
    accepted?.();
    accepted = undefined;
    if (identity.refused !== undefined) accepted = readiness.pending(`node identity: ${identity.refused}`);
  });
  return {
    [Symbol.dispose]: () => {
      stop();
      stopRefused();
    },
  };
}
