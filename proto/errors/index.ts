export { GarrisonError, asGarrisonError, errorCodes, isUnreachable } from './error.ts';
export type { ErrorCode, ErrorDetail } from './error.ts';
export { grpcStatus } from './grpc-status.ts';
export type { GrpcStatus } from './grpc-status.ts';
export { denialStatus, fromGrpcStatus, toGrpcStatus, toHttpStatus } from './status.ts';
