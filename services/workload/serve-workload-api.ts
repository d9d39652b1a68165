import { SpiffeWorkloadAPIService } from '#proto/gen/spiffe/workload/workload.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import { fetchJwtBundles, fetchJwtSvid, validateJwtSvid, type JwtApiOptions } from './jwt-api.ts';
import { fetchX509Bundles, fetchX509Svid, type X509ApiOptions } from './x509-api.ts';

/** The five methods of the SPIFFE Workload API, for whom the kernel says is calling. */
export function serveWorkloadApi(server: GrpcServer, options: X509ApiOptions & JwtApiOptions): GrpcServer {
  return server
    .serverStream(SpiffeWorkloadAPIService.fetchX509Svid, fetchX509Svid(options))
    .serverStream(SpiffeWorkloadAPIService.fetchX509Bundles, fetchX509Bundles(options))
    .unary(SpiffeWorkloadAPIService.fetchJwtsvid, fetchJwtSvid(options))
    .serverStream(SpiffeWorkloadAPIService.fetchJwtBundles, fetchJwtBundles(options))
    .unary(SpiffeWorkloadAPIService.validateJwtsvid, validateJwtSvid(options));
}
