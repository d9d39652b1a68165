import { errorCodes, type ErrorCode } from './error.ts';
import { grpcStatus } from './grpc-status.ts';
import type { GrpcStatus } from './grpc-status.ts';

/** The one map from error codes to gRPC status numbers: every code is named as gRPC names it. */
export function toGrpcStatus(code: ErrorCode): GrpcStatus {
  return grpcStatus[code];
}

/** The way back, for a number from the wire. One that no code of ours has is a fault of whoever sent it. */
export function fromGrpcStatus(status: number): ErrorCode {
  return errorCodes.find((code) => grpcStatus[code] === status) ?? 'INTERNAL';
}

/** HTTP status for a gRPC status at a sidecar, as Mixer's client mapped them. */
export function toHttpStatus(status: GrpcStatus): number {
  switch (status) {
    case 0:
      return 200;
    case 1:
      return 499;
    case 3:
    case 9:
    case 11:
      return 400;
    case 16:
      return 401;
    case 7:
      return 403;
    case 5:
      return 404;
    case 6:
    case 10:
      return 409;
    case 8:
      return 429;
    case 12:
      return 501;
    case 14:
      return 503;
    case 4:
      return 504;
    case 2:
    case 13:
    case 15:
      return 500;
    default:
      return status satisfies never;
  }
}

/** gRPC status for the HTTP status of a denial: the inverse of how Mixer's clients turn a status into HTTP. */
export function denialStatus(http: number): GrpcStatus {
  switch (http) {
    case 400:
      return grpcStatus.INVALID_ARGUMENT;
    case 401:
      return grpcStatus.UNAUTHENTICATED;
    case 429:
      return grpcStatus.RESOURCE_EXHAUSTED;
    default:
      return grpcStatus.PERMISSION_DENIED;
  }
}
