import type { Address } from '#runtime/address.ts';
import { AdminServer } from '#runtime/admin-server.ts';
import { socketModes } from '#runtime/config/workload-socket-config.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { Metrics } from '#runtime/metrics.ts';
import { adminSocket } from './admin/admin-socket.ts';
import { serveOperators } from './admin/serve-operators.ts';
import { RenewalTrouble } from './authority/renewal-trouble.ts';
import { openCaCore, type CaSurroundings } from './ca-core.ts';
import { CaCounts } from './ca-counts.ts';
import { openCallers } from './callers/callers.ts';
import { startChores } from './chores.ts';
import { ConnectedNodes } from './nodes/connected-nodes.ts';
import { followDocuments } from './registrations/follow-documents.ts';
import { certificateServer, workloadServer } from './servers.ts';
import type { CaSettings } from './settings.ts';
import { openWebServers } from './web-servers.ts';

export interface Ca extends AsyncDisposable {
  readonly addresses: {
    readonly ca: Address;
    readonly workloadApi: Address;
    readonly workloadApiTcp: Address | undefined;
    readonly bundle: Address | undefined;
    readonly oidc: Address | undefined;
    readonly caAdmin: Address;
  };
  readonly admin: AdminServer;
}

/** The certificate authority, serving when this resolves. Disposing drains it. */
export async function composeCa(
  settings: CaSettings,
  surroundings: CaSurroundings & { readonly metrics?: Metrics },
): Promise<Ca> {
  const { state, clock, logger } = surroundings;
  const metrics = surroundings.metrics ?? new Metrics();
  const stop = new AbortController();
  await using starting = new AsyncDisposableStack();
  const admin = starting.use(new AdminServer({ logger, metrics }));
  const listening = admin.readiness.pending('listen');
  const counts = new CaCounts(metrics);
  const core = starting.use(await openCaCore(settings, surroundings, counts, admin));
  const { authorities, registrations } = core;
  counts.observe(metrics, authorities, registrations, clock);

  const trouble = new RenewalTrouble(admin, authorities);
  authorities.onChange(() => trouble.over(clock.now()));
  const running: Promise<void>[] = [];
  starting.defer(async () => {
    stop.abort();
    await Promise.all(running);
  });
  const following = followDocuments(settings, core, surroundings, { admin, counts, signal: stop.signal });
  running.push(following.ended);
  running.push(...(await startChores(settings, core, surroundings, { trouble, signal: stop.signal })));

  const nodes = new ConnectedNodes(clock);
  counts.observeNodes(metrics, nodes);
  const parts = { clock, logger, metrics, counts, nodes };
  const callers = starting.use(
    openCallers(settings.callers, { ...surroundings, ...settings, onFetched: counts.keysFetched }),
  );
  const server = starting.use(certificateServer(settings, core, parts, callers));
  const workload = starting.use(workloadServer(settings, core, parts));
  const control = starting.use(new GrpcServer({ logger }));
  serveOperators(control, settings, core, { admin, metrics, clock, nodes, trouble });

  const caAdmin = await admin.listen(settings.admin, { setting: 'ca.admin' });
  const tls = { kind: 'tls', identity: core.identity, clientCertificate: 'optional' } as const;
  const ca = await server.listen(settings.listen, tls, { setting: 'ca.listen' });
  const plain = { kind: 'plaintext' } as const;
  const workloadApi = await workload.listen(settings.workloadApi, plain, {
    setting: 'ca.workloadApi',
    mode: socketModes[settings.workloadApiAccess],
  });
  const workloadApiTcp =
    settings.workloadApiTcp &&
    (await workload.listen(settings.workloadApiTcp, { kind: 'loopback' }, { setting: 'ca.workloadApiTcp' }));
  await control.listen({ path: state.join(adminSocket) }, plain, { setting: 'state' });
  const web = await openWebServers(settings, core, { open: starting, logger });
  await following.read;
  listening();
  const all = starting.move();
  return {
    addresses: { ca, workloadApi, workloadApiTcp, ...web, caAdmin },
    admin,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
