import { readReportRequest } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { MixerService } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { formatAddress, isLoopback } from '#runtime/address.ts';
import type { Address } from '#runtime/address.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Metrics } from '#runtime/metrics.ts';
import { takeReport } from './report/take-report.ts';
import type { ReportSinks } from './report/take-report.ts';

/** Mixer.Report with our own strict reader instead of the generated one. */
const report = { ...MixerService.report, requestDeserialize: readReportRequest };

/** Where sidecars report: who they are is what their certificate says. */
export function mutualServer(
  sinks: ReportSinks,
  { logger, metrics }: { logger: Logger; metrics: Metrics },
): GrpcServer {
  return new GrpcServer({ logger, metrics }).unary(report, (request, context) =>
    takeReport(request, callerOf(context), sinks),
  );
}

export function listenMutual(server: GrpcServer, address: Address, identity: IdentitySource): Promise<Address> {
  const security = { kind: 'tls', identity, clientCertificate: 'require' } as const;
  return server.listen(address, security, { setting: 'telemetry.listen' });
}

/** Where tools of this host report, without proof of who they are and for anybody: a server of its own, so that the two are never confused. */
export function localServer(sinks: ReportSinks, { logger }: { logger: Logger }): GrpcServer {
  return new GrpcServer({ logger }).unary(report, (request) => takeReport(request, undefined, sinks));
}

export function listenLocal(server: GrpcServer, address: Address): Promise<Address> {
  const setting = 'telemetry.local';
  if (!isLoopback(address)) {
    throw new GarrisonError('INVALID_ARGUMENT', `\`${formatAddress(address)}\` can be reached from other hosts`, {
      place: setting,
      remedy: 'choose a loopback address or a unix socket; other hosts report over mTLS to `telemetry.listen`',
    });
  }
  return server.listen(address, { kind: 'plaintext' }, { setting });
}

function callerOf({ peer }: CallContext): string {
  if (peer.spiffeId !== undefined) return peer.spiffeId.toString().slice('spiffe://'.length);
  throw new GarrisonError('UNAUTHENTICATED', 'the client certificate names no workload', {
    remedy: 'report with the SVID of the workload that is reported for',
  });
}
