import { GarrisonError, asGarrisonError, grpcStatus, toGrpcStatus } from '#proto/errors/index.ts';

/** What ends a call. */
export interface CallStatus {
  readonly code: number;
  readonly message: string;
}

export const okStatus: CallStatus = { code: grpcStatus.OK, message: '' };

/** The one place where an error becomes what a caller sees. A fault of ours tells the caller nothing but that. */
export function toCallStatus(error: unknown): CallStatus {
  const known = asGarrisonError(error);
  return {
    code: known.wireStatus ?? toGrpcStatus(known.code),
    message: known.code === 'INTERNAL' ? 'internal error' : known.describe(),
  };
}

/** Whether the operator must hear of it: ours or damaged, not the caller's. */
export function isFault(error: unknown): boolean {
  return !(error instanceof GarrisonError) || error.code === 'INTERNAL' || error.code === 'DATA_LOSS';
}

/** gRPC over HTTP/2, "Status-Message": percent-encoded UTF-8, everything but printable ASCII without `%`. */
export function encodeMessage(message: string): string {
  return /^[ -$&-~]*$/.test(message)
    ? message
    : message
        .toWellFormed()
        .replace(/[^ -$&-~]+/gu, (text) => [...Buffer.from(text)].map((byte) => `%${hex(byte)}`).join(''));
}

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');
