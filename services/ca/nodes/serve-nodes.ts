import { NodeService } from '#proto/gen/garrison/v1/node-entries.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import type { SvidSource } from '#services/workload/svid-source.ts';
import type { IssuingDesk } from '../issuing/desk.ts';
import { mintJwtForNode } from './mint-jwt.ts';
import { signX509 } from './sign-x509.ts';
import { watchEntries, type WatchOptions } from './watch-entries.ts';

export interface NodeOptions extends WatchOptions {
  readonly desk: IssuingDesk;
  readonly source: SvidSource;
}

/** What the agents of nodes ask for, on the authority's TLS port. */
export function serveNodes(server: GrpcServer, options: NodeOptions): GrpcServer {
  return server
    .serverStream(NodeService.watchEntries, watchEntries(options))
    .unary(NodeService.signX509, signX509(options.desk, options))
    .unary(NodeService.mintJwt, mintJwtForNode(options.source, options));
}
