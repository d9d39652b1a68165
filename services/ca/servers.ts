import { DownstreamService, TrustService } from '#proto/gen/garrison/v1/identity.ts';
import { IstioCertificateServiceService } from '#proto/gen/istio/v1/auth/ca.ts';
import type { Clock } from '#runtime/clock.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Metrics } from '#runtime/metrics.ts';
import { trustBundle } from './admin/identity-admin.ts';
import type { CaCore } from './ca-core.ts';
import { attestorGrants, serveAttestation } from './attest-node/serve-attestation.ts';
import type { CaCounts } from './ca-counts.ts';
import type { Callers } from './callers/callers.ts';
import { authenticateSvid } from './certificate-service/authenticate-svid.ts';
import { authenticateToken } from './certificate-service/authenticate-token.ts';
import { createCertificate } from './certificate-service/create-certificate.ts';
import type { ConnectedNodes } from './nodes/connected-nodes.ts';
import { serveNodes } from './nodes/serve-nodes.ts';
import type { CaSettings } from './settings.ts';
import { newIntermediate } from './upstream/new-intermediate.ts';
import { openAttestors } from '#services/workload/attest/open-attestors.ts';
import { serveWorkloadApi } from '#services/workload/serve-workload-api.ts';
import { watchBundle } from '#services/workload/watch-bundle.ts';

export interface ServerParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly counts: CaCounts;
  readonly nodes: ConnectedNodes;
}

/** What the TLS port serves: to callers with a token, with an SVID, or, for the bundle, with neither. */
export function certificateServer(
  settings: CaSettings,
  core: CaCore,
  { clock, logger, metrics, nodes }: ServerParts,
  callers: Callers,
): GrpcServer {
  const { trustDomain } = settings;
  const { desk, tokens, registrations } = core;
  const configured = new Set([...callers.grants, ...attestorGrants(settings.nodes)]);
  const bySvid = authenticateSvid(core, registrations, configured);
  const authenticators = [
    authenticateToken(tokens, registrations, clock),
    ...callers.byToken,
    ...callers.byProxy,
    bySvid,
  ];
  const parts = { desk, registrations, authenticators, logger };
  const server = new GrpcServer({ logger, metrics })
    .unary(IstioCertificateServiceService.createCertificate, createCertificate(parts))
    .unary(DownstreamService.newIntermediate, newIntermediate({ ...core, trustDomain, clock, logger, bySvid }))
    .serverStream(TrustService.watchBundle, watchTrust(core, trustDomain));
  serveAttestation(server, { ...core, ...settings, clock, logger });
  return serveNodes(server, { ...core, clock, nodes });
}

/** What the workload socket serves, to whom the kernel says is calling. */
export function workloadServer(
  { trustDomain, attestors: configured }: CaSettings,
  core: CaCore,
  { clock, logger, counts }: ServerParts,
): GrpcServer {
  const attestors = openAttestors(configured, { clock, logger });
  const options = { ...core, clock, logger, attestors, opened: () => counts.streamOpened() };
  // Beside the standard service, never inside it (SPIFFE Workload API §3.1): for our own clients.
  return serveWorkloadApi(new GrpcServer({ logger }), options).serverStream(
    TrustService.watchBundle,
    watchTrust(core, trustDomain),
  );
}

function watchTrust(core: CaCore, trustDomain: CaSettings['trustDomain']): ReturnType<typeof watchBundle> {
  return watchBundle(core.changes, () => trustBundle({ ...core, trustDomain }));
}
