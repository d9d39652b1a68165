import { SpiffeWorkloadAPIService } from '#proto/gen/spiffe/workload/workload.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import { fetchJwtBundles, fetchJwtSvid, validateJwtSvid, type JwtApiOptions } from './jwt-api.ts';
import { Holdings } from './holdings.ts';
import { fetchX509Bundles, fetchX509Svid, type X509ApiOptions } from './x509-api.ts';
import { serveSds } from './sds/serve-sds.ts';
import type { Logger } from '#runtime/logger.ts';

export type WorkloadOptions = X509ApiOptions & JwtApiOptions & { readonly logger: Logger };

/** What a workload's socket serves, for whom the kernel says is calling: the SPIFFE Workload API, and SDS for Envoys. */
export function serveWorkloadApi(server: GrpcServer, options: WorkloadOptions): GrpcServer {
  const holdings = new Holdings(options);
  return serveSds(server, { ...options, holdings })
    .serverStream(SpiffeWorkloadAPIService.fetchX509Svid, fetchX509Svid(options))
    .serverStream(SpiffeWorkloadAPIService.fetchX509Bundles, fetchX509Bundles(options))
    .unary(SpiffeWorkloadAPIService.fetchJwtsvid, fetchJwtSvid(options))
    .serverStream(SpiffeWorkloadAPIService.fetchJwtBundles, fetchJwtBundles(options))
    .unary(SpiffeWorkloadAPIService.validateJwtsvid, validateJwtSvid(options));
}
