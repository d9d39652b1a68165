import { encodePem } from '#ca/pem.ts';
import { IdentityAdminService } from '#proto/gen/garrison/v1/identity.ts';
import { dialable, type Address } from '#runtime/address.ts';
import { readAddresses } from '#runtime/addresses-file.ts';
import { AdminServer } from '#runtime/admin-server.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import type { Logger } from '#runtime/logger.ts';
import { Metrics } from '#runtime/metrics.ts';
import { displayName } from '#runtime/read-files.ts';
import { watchFiles } from '#runtime/watch-files.ts';
import { forwardToTelemetry } from './audit-forward/forward-to-telemetry.ts';
import { keepAuthorities } from './authority/keep-authorities.ts';
import { RenewalTrouble } from './authority/renewal-trouble.ts';
import { adminSocket } from './admin/admin-socket.ts';
import { serveAuthorityUse } from './admin/authority-use-admin.ts';
import { serveFederationAdmin } from './admin/federation-admin.ts';
import { serveJwtAuthorityAdmin } from './admin/jwt-authority-admin.ts';
import { admit, serveIdentityAdmin } from './admin/identity-admin.ts';
import { renewIssuing } from './admin/renew-issuing.ts';
import { describeCa } from './admin/describe-ca.ts';
import { AuthorityUses } from './authority-use/authority-uses.ts';
import { describeUses, liveCertificates } from './authority-use/live-certificates.ts';
import { openCaCore, type CaCore, type CaSurroundings } from './ca-core.ts';
import { CaCounts } from './ca-counts.ts';
import { openCallers } from './callers/callers.ts';
import { federationAges } from './federation/federation-ages.ts';
import { keepJwtKeys } from './jwt-authority/keep-jwt-keys.ts';
import { followRegistrations } from './registrations/follow-registrations.ts';
import { ConnectedNodes } from './nodes/connected-nodes.ts';
import { BootstrapTokens } from './serving/bootstrap-tokens.ts';
import { keepBootstrapTokens } from './serving/keep-bootstrap-tokens.ts';
import { socketModes } from '#runtime/config/workload-socket-config.ts';
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

  warnOfStrangers(core, logger);
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
  const rules = { kind: core.origin.source.kind, leafMs: settings.ttl.maxSeconds * 1000 };
  const trouble = new RenewalTrouble(admin, authorities);
  authorities.onChange(() => trouble.over(clock.now()));
  const renewal = { clock, logger, signal: stop.signal, rules, trouble };
  const renewing = keepAuthorities(authorities, core.authorityDesk, renewal);
  const keys = { clock, logger, signal: stop.signal, rules: settings.jwtKeyRules };
  const renewingKeys = keepJwtKeys(authorities, core.jwtDesk, keys);
  const watching = core.origin.follow(core, stop.signal);
  const telling = tellTelemetry(settings, core, surroundings, stop.signal);
  starting.defer(async () => {
    stop.abort();
    await Promise.all([following, keeping, renewing, renewingKeys, watching, telling]);
  });

  const nodes = new ConnectedNodes(clock);
  counts.observeNodes(metrics, nodes);
  admin.page('/config', () => settings.shown).page('/status', () => describeCa(core, nodes, settings, trouble.current));
  const parts = { clock, logger, metrics, counts, nodes };
  const callers = starting.use(
    openCallers(settings.callers, { ...surroundings, ...settings, onFetched: counts.keysFetched }),
  );
  const server = starting.use(certificateServer(settings, core, parts, callers));
  const workload = starting.use(workloadServer(settings, core, parts));
  const control = starting.use(new GrpcServer({ logger }));
  serveIdentityAdmin(control, {
    ...core,
    trustDomain: settings.trustDomain,
    defaultTokenSeconds: settings.tokenSeconds,
  });
  control.bidi(IdentityAdminService.renewIssuing, renewIssuing({ ...core, clock, admit }));
  const { refreshHintMs = 300_000 } = settings.bundleEndpoint ?? {};
  const refreshHintSeconds = Math.floor(refreshHintMs / 1000);
  const uses = new AuthorityUses({ ...core, clock });
  metrics.append(() => liveCertificates(uses));
  metrics.append(() => federationAges(core.federation, clock));
  admin.page('/authorities', () => describeUses(uses));
  serveAuthorityUse(control, uses, admit);
  serveJwtAuthorityAdmin(control, core, admit);
  serveFederationAdmin(control, { ...settings, ...core, refreshHintSeconds, admit });

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
  listening();
  const all = starting.move();
  return {
    addresses: { ca, workloadApi, workloadApiTcp, ...web, caAdmin },
    admin,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** A registration may name a trust domain before the configuration does; whoever wrote it should hear of it. */
function warnOfStrangers({ registrations, federation }: CaCore, logger: Logger): void {
  registrations.onChange(() => {
    const trustDomains = federation.unknown(registrations.current ?? []);
    if (trustDomains.length > 0) logger.warn('registrations federate with unknown trust domains', { trustDomains });
  });
}

/** Ledger entries go to the audit log of the telemetry that runs in this state folder, else where it is configured to. */
async function tellTelemetry(
  { telemetry: configured, trustDomain }: CaSettings,
  { ledger, identity }: CaCore,
  { state, clock, logger }: CaSurroundings,
  signal: AbortSignal,
): Promise<void> {
  if (configured === undefined) return;
  const telemetry = (): Address => readAddresses(state.path).get('telemetry') ?? dialable(configured);
  await forwardToTelemetry({ ledger, identity, trustDomain, telemetry, clock, logger }, signal);
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
