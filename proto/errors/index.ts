export { GarrisonError, asGarrisonError, errorCodes } from './error.ts';
export type { ErrorCode, ErrorDetail } from './error.ts';
export { grpcStatus, toGrpcStatus, toHttpStatus } from './status.ts';
export type { GrpcStatus } from './status.ts';
