import { encodePem } from '#ca/pem.ts';
import { TrustService } from '#proto/gen/garrison/v1/identity.ts';
import { IstioCertificateServiceService } from '#proto/gen/istio/v1/auth/ca.ts';
import { SpiffeWorkloadAPIService } from '#proto/gen/spiffe/workload/workload.ts';
import type { Address } from '#runtime/address.ts';
import { AdminServer } from '#runtime/admin-server.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { Metrics } from '#runtime/metrics.ts';
import { displayName } from '#runtime/read-files.ts';
import { watchFiles } from '#runtime/watch-files.ts';
import { adminSocket } from './admin/admin-socket.ts';
import { serveIdentityAdmin, trustBundle } from './admin/identity-admin.ts';
import { describeCa } from './admin/describe-ca.ts';
import { openCaCore, type CaCore, type CaSurroundings } from './ca-core.ts';
import { CaCounts } from './ca-counts.ts';
import { authenticateSvid } from './certificate-service/authenticate-svid.ts';
import { authenticateToken } from './certificate-service/authenticate-token.ts';
import { createCertificate } from './certificate-service/create-certificate.ts';
import { followRegistrations } from './registrations/follow-registrations.ts';
import { BootstrapTokens } from './serving/bootstrap-tokens.ts';
import { keepBootstrapTokens } from './serving/keep-bootstrap-tokens.ts';
import { watchBundle } from './serving/watch-bundle.ts';
import type { CaSettings } from './settings.ts';
import { fetchX509Bundles, fetchX509Svid } from './workload-api/workload-api.ts';

export interface Ca extends AsyncDisposable {
  readonly addresses: {
    readonly ca: Address;
    readonly workloadApi: Address;
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

  const following = followDocuments(settings, core, surroundings, { admin, counts, signal: stop.signal });
  const writeBundle = (): void =>
    state.write(
      'bundle.pem',
      authorities
        .bundle()
        .map((der) => encodePem('CERTIFICATE', der))
        .join(''),
      0o644,
    );
  writeBundle();
  authorities.onChange(writeBundle);
  const bootstrap = new BootstrapTokens({ ...core, ...settings, state, clock });
  await bootstrap.refresh();
  const keeping = keepBootstrapTokens(bootstrap, core, { clock, logger, signal: stop.signal });
  starting.defer(async () => {
    stop.abort();
    await Promise.all([following, keeping]);
  });

  admin.page('/config', () => settings.shown).page('/status', () => describeCa(core, settings));
  const servers = { metrics, logger, counts };
  const server = starting.use(certificateServer(settings, core, surroundings, servers));
  const workload = starting.use(workloadServer(settings, core, servers));
  const control = starting.use(new GrpcServer({ logger }));
  serveIdentityAdmin(control, {
    ...core,
    trustDomain: settings.trustDomain,
    defaultTokenSeconds: settings.tokenSeconds,
  });

  const caAdmin = await admin.listen(settings.admin, { setting: 'ca.admin' });
  const tls = { kind: 'tls', identity: core.identity, clientCertificate: 'optional' } as const;
  const ca = await server.listen(settings.listen, tls, { setting: 'ca.listen' });
  const plain = { kind: 'plaintext' } as const;
  const workloadApi = await workload.listen(settings.workloadApi, plain, { setting: 'ca.workloadApi' });
  await control.listen({ path: state.join(adminSocket) }, plain, { setting: 'state' });
  listening();
  const all = starting.move();
  return { addresses: { ca, workloadApi, caAdmin }, admin, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

interface Servers {
  readonly metrics: Metrics;
  readonly logger: CaSurroundings['logger'];
  readonly counts: CaCounts;
}

function certificateServer(
  { trustDomain }: CaSettings,
  core: CaCore,
  { clock }: CaSurroundings,
  { logger, metrics }: Servers,
): GrpcServer {
  const { desk, tokens, registrations, ledger } = core;
  const authenticators = [authenticateToken(tokens, registrations, clock), authenticateSvid(ledger, registrations)];
  return new GrpcServer({ logger, metrics })
    .unary(IstioCertificateServiceService.createCertificate, createCertificate(desk, authenticators))
    .serverStream(TrustService.watchBundle, watchTrust(core, trustDomain));
}

function watchTrust(core: CaCore, trustDomain: CaSettings['trustDomain']): ReturnType<typeof watchBundle> {
  return watchBundle(core.changes, () => trustBundle({ ...core, trustDomain }));
}

function workloadServer({ trustDomain }: CaSettings, core: CaCore, { logger, counts }: Servers): GrpcServer {
  const options = { ...core, trustDomain, opened: () => counts.streamOpened() };
  return (
    new GrpcServer({ logger })
      .serverStream(SpiffeWorkloadAPIService.fetchX509Svid, fetchX509Svid(options))
      .serverStream(SpiffeWorkloadAPIService.fetchX509Bundles, fetchX509Bundles(options))
      // Beside the standard service, never inside it (SPIFFE Workload API §3.1): for our own clients.
      .serverStream(TrustService.watchBundle, watchTrust(core, trustDomain))
  );
}

async function followDocuments(
  { policies, policiesNamed, mesh }: CaSettings,
  { registrations }: CaCore,
  { logger }: CaSurroundings,
  { admin, counts, signal }: { admin: AdminServer; counts: CaCounts; signal: AbortSignal },
): Promise<void> {
  const read = admin.readiness.pending('registrations');
  const stop = registrations.onChange(() => {
    stop();
    read();
  });
  await followRegistrations(watchFiles(policies, signal), registrations, {
    mesh,
    logger,
    mayBeAbsent: policiesNamed ? [] : policies.map(displayName),
    onRefused: () => counts.documentsRefused(),
  });
}
