import { TrustService } from '#proto/gen/garrison/v1/identity.ts';
import { IstioCertificateServiceService } from '#proto/gen/istio/v1/auth/ca.ts';
import { SpiffeWorkloadAPIService } from '#proto/gen/spiffe/workload/workload.ts';
import type { Clock } from '#runtime/clock.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Metrics } from '#runtime/metrics.ts';
import { trustBundle } from './admin/identity-admin.ts';
import type { CaCore } from './ca-core.ts';
import type { CaCounts } from './ca-counts.ts';
import { authenticateSvid } from './certificate-service/authenticate-svid.ts';
import { authenticateToken } from './certificate-service/authenticate-token.ts';
import { createCertificate } from './certificate-service/create-certificate.ts';
import { watchBundle } from './serving/watch-bundle.ts';
import type { CaSettings } from './settings.ts';
import { BinaryHashes } from './workload-api/binary-hash.ts';
import { fetchJwtBundles, fetchJwtSvid, validateJwtSvid } from './workload-api/jwt-api.ts';
import { fetchX509Bundles, fetchX509Svid } from './workload-api/x509-api.ts';

export interface ServerParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly counts: CaCounts;
}

/** What the TLS port serves: to callers with a token, with an SVID, or, for the bundle, with neither. */
export function certificateServer(
  { trustDomain }: CaSettings,
  core: CaCore,
  { clock, logger, metrics }: ServerParts,
): GrpcServer {
  const { desk, tokens, registrations, ledger } = core;
  const authenticators = [authenticateToken(tokens, registrations, clock), authenticateSvid(ledger, registrations)];
  return new GrpcServer({ logger, metrics })
    .unary(IstioCertificateServiceService.createCertificate, createCertificate(desk, authenticators))
    .serverStream(TrustService.watchBundle, watchTrust(core, trustDomain));
}

/** What the workload socket serves, to whom the kernel says is calling. */
export function workloadServer(
  { trustDomain }: CaSettings,
  core: CaCore,
  { clock, logger, counts }: ServerParts,
): GrpcServer {
  const counting = { opened: () => counts.streamOpened(), onMinted: () => counts.minted() };
  const options = { ...core, ...counting, trustDomain, clock, binaries: new BinaryHashes() };
  return (
    new GrpcServer({ logger })
      .serverStream(SpiffeWorkloadAPIService.fetchX509Svid, fetchX509Svid(options))
      .serverStream(SpiffeWorkloadAPIService.fetchX509Bundles, fetchX509Bundles(options))
      .unary(SpiffeWorkloadAPIService.fetchJwtsvid, fetchJwtSvid(options))
      .serverStream(SpiffeWorkloadAPIService.fetchJwtBundles, fetchJwtBundles(options))
      .unary(SpiffeWorkloadAPIService.validateJwtsvid, validateJwtSvid(options))
      // Beside the standard service, never inside it (SPIFFE Workload API §3.1): for our own clients.
      .serverStream(TrustService.watchBundle, watchTrust(core, trustDomain))
  );
}

function watchTrust(core: CaCore, trustDomain: CaSettings['trustDomain']): ReturnType<typeof watchBundle> {
  return watchBundle(core.changes, () => trustBundle({ ...core, trustDomain }));
}
