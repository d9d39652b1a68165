import type { Writable } from 'node:stream';
import { formatAddress } from '#runtime/address.ts';
import type { Address } from '#runtime/address.ts';
import { AdminServer } from '#runtime/admin-server.ts';
import type { Clock } from '#runtime/clock.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import { Metrics } from '#runtime/metrics.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { LineQueue } from './access-log/line-sink.ts';
import { accessLogLine } from './access-log/line.ts';
import { openAccessLog } from './access-log/open-access-log.ts';
import type { AuditStore } from './audit/audit-store.ts';
import { answerAudit } from './http/audit-api.ts';
import { JsonServer } from './http/json-server.ts';
import { exposeIstioMetrics } from './metrics/expose.ts';
import { IstioMetrics } from './metrics/istio-metrics.ts';
import { openAudit } from './open-audit.ts';
import { listenLocal, listenMutual, localServer, mutualServer } from './report-servers.ts';
import type { ReportObserver, ReportSinks } from './report/take-report.ts';
import type { TelemetrySettings } from './settings.ts';

export interface TelemetrySurroundings {
  readonly identity: IdentitySource;
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where an access log file called `-` goes. */
  readonly stdout: Writable;
  /** Shared when several services live in one process. */
  readonly metrics?: Metrics;
}

export interface Telemetry extends AsyncDisposable {
  readonly addresses: {
    readonly telemetry: Address;
    readonly telemetryLocal: Address | undefined;
    readonly telemetryHttp: Address | undefined;
    readonly telemetryAdmin: Address;
  };
  readonly admin: AdminServer;
  /** Goes on in a new access log file, for whoever moved the old one away. */
  reopenAccessLog(): void;
}

/** The collector, from its settings to open ports. It ends in reverse order: ports before the stores they write to. */
export async function composeTelemetry(
  settings: TelemetrySettings,
  surroundings: TelemetrySurroundings,
): Promise<Telemetry> {
  const { identity, state, clock, logger, metrics = new Metrics() } = surroundings;
  await using closing = new AsyncDisposableStack();
  const admin = closing.use(new AdminServer({ logger, metrics }));
  const { readiness } = admin;
  const started = readiness.pending('telemetry is starting');
  readiness.unless(() => identity.trouble?.());
  const audit = closing.use(openAudit(state.join('audit.db'), settings.retentionMs, { readiness, clock, logger }));
  const istio = new IstioMetrics({ ...settings.metrics, monotonicMs: () => clock.monotonicMs() });
  exposeIstioMetrics(istio, metrics);
  const log =
    settings.accessLog === undefined
      ? undefined
      : closing.use(await openAccessLog(settings.accessLog, { ...surroundings, metrics }));
  const elements = metrics.counter('garrison_report_elements_total', 'elements of reports by outcome', ['outcome']);
  const sinks: ReportSinks = {
    audit: audit.guarded,
    observers: [(action) => istio.record(action), ...(log === undefined ? [] : [logTo(log, clock)])],
    counted: (outcome, count) => elements.increment({ outcome }, count),
    clock,
  };
  const http = settings.http && closing.use(await serveAudit(settings.http, audit.store, surroundings));
  const mutual = closing.use(mutualServer(sinks, { logger, metrics }));
  const telemetry = await listenMutual(mutual, settings.listen, identity);
  const local = closing.use(localServer(sinks, { logger }));
  const telemetryLocal = settings.local === undefined ? undefined : await listenLocal(local, settings.local);
  admin
    .page('/config', () => settings.shown)
    .page('/status', () => ({
      service: 'telemetry',
      identity: { spiffeId: identity.current().spiffeId.toString(), expiresAt: identity.current().expiresAt },
      series: istio.state,
    }));
  const telemetryAdmin = await admin.listen(settings.admin, { setting: 'telemetry.admin' });
  started();
  logger.info('telemetry serves', { listen: formatAddress(telemetry) });
  const open = closing.move();
  return {
    addresses: { telemetry, telemetryLocal, telemetryHttp: http?.address, telemetryAdmin },
    admin,
    reopenAccessLog: () => log?.reopen(),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function serveAudit(
  address: Address,
  store: AuditStore,
  { clock, logger }: TelemetrySurroundings,
): Promise<JsonServer> {
  const answer = (url: URL): Promise<string> => answerAudit(url, store, clock);
  return JsonServer.start({ address, setting: 'telemetry.http', logger, answer });
}

function logTo(log: LineQueue, clock: Clock): ReportObserver {
  return (action, bag) => log.add(accessLogLine(action, bag, clock.now().getTime()));
}
