import { GarrisonError, asGarrisonError, grpcStatus, toGrpcStatus } from '#proto/errors/index.ts';

/** What ends a call. */
export interface CallStatus {
  readonly code: number;
  readonly message: string;
  /** More trailers, by lower-case name: what a program may want to know beside the sentence. */
  readonly trailers?: Readonly<Record<string, string>>;
}

export const okStatus: CallStatus = { code: grpcStatus.OK, message: '' };

/** The one place where an error becomes what a caller sees. A fault of ours tells the caller nothing but that. */
export function toCallStatus(error: unknown): CallStatus {
  const known = asGarrisonError(error);
  return {
    code: known.wireStatus ?? toGrpcStatus(known.code),
    message: known.code === 'INTERNAL' ? 'internal error' : known.describe(),
    ...trailersOf(error),
  };
}

function trailersOf(error: unknown): Pick<CallStatus, 'trailers'> {
  if (!(error instanceof Error) || !('trailers' in error)) return {};
  const { trailers } = error;
  return typeof trailers === 'object' && trailers !== null ? { trailers: trailers as Record<string, string> } : {};
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
