import { SpiffeWorkloadAPIService } from '#proto/gen/spiffe/workload/workload.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import { fetchJwtBundles, fetchJwtSvid, validateJwtSvid, type JwtApiOptions } from './jwt-api.ts';
import { Holdings, type HoldingOptions } from './holdings.ts';
import { fetchX509Bundles, fetchX509Svid } from './x509-api.ts';
import { serveSds } from './sds/serve-sds.ts';
import type { Logger } from '#runtime/logger.ts';

export type WorkloadOptions = HoldingOptions & JwtApiOptions & { readonly logger: Logger };

/** Streams hand out messages that are bytes already: many get the same ones. */
const bytes = { responseSerialize: (message: Buffer): Buffer => message };

/** What a workload's socket serves, for whom the kernel says is calling: the SPIFFE Workload API, and SDS for Envoys. */
export function serveWorkloadApi(server: GrpcServer, options: WorkloadOptions): GrpcServer {
  const streams = { holdings: new Holdings(options), opened: options.opened };
  return serveSds(server, { ...streams, logger: options.logger })
    .serverStream({ ...SpiffeWorkloadAPIService.fetchX509Svid, ...bytes }, fetchX509Svid(streams))
    .serverStream({ ...SpiffeWorkloadAPIService.fetchX509Bundles, ...bytes }, fetchX509Bundles(streams))
    .unary(SpiffeWorkloadAPIService.fetchJwtsvid, fetchJwtSvid(options))
    .serverStream({ ...SpiffeWorkloadAPIService.fetchJwtBundles, ...bytes }, fetchJwtBundles(streams))
    .unary(SpiffeWorkloadAPIService.validateJwtsvid, validateJwtSvid(options));
}
