import type { GrpcStatus } from './grpc-status.ts';

/** The closed set of reasons for which Garrison refuses, one per remedy. */
export const errorCodes = [
  /** The input does not parse or breaks a rule of its format. Mend the input. */
  'INVALID_ARGUMENT',
  /** The caller did not prove who it is. */
  'UNAUTHENTICATED',
  /** The caller is known and may not. */
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  /** The input is well formed, but the state it needs is not there. */
  'FAILED_PRECONDITION',
  /** A size, rate or count limit was reached. */
  'RESOURCE_EXHAUSTED',
  /** Something needed cannot be reached now. Try again. */
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'CANCELLED',
  'UNIMPLEMENTED',
  /** Stored data is damaged. */
  'DATA_LOSS',
  /** A fault of ours. */
  'INTERNAL',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorDetail {
  /** What is at fault: `policies/a.yaml:12:3`, `CheckRequest.attributes.strings[4]`. */
  readonly place?: string;
  /** What to do about it, in a sentence without a full stop. */
  readonly remedy?: string;
  readonly cause?: unknown;
  /** Status number on the wire, where a published protocol demands another than the code's own. */
  readonly wireStatus?: GrpcStatus;
}

/**
 * The one error type that crosses a room's boundary.
 * Messages are lower case, without a full stop, with user input in backticks and no internal names.
 */
export class GarrisonError extends Error {
  override readonly name = 'GarrisonError';
  readonly code: ErrorCode;
  readonly place: string | undefined;
  readonly remedy: string | undefined;
  readonly wireStatus: GrpcStatus | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.place = detail.place;
    this.remedy = detail.remedy;
    this.wireStatus = detail.wireStatus;
  }

  /** One line for people: place, what is wrong, what to do. */
  describe(): string {
    const where = this.place === undefined ? '' : `${this.place}: `;
    const what = this.remedy === undefined ? '' : `; ${this.remedy}`;
    return `${where}${this.message}${what}`;
  }
}

/** The error as it is, if it is ours; else an INTERNAL one that keeps it as its cause and tells the caller nothing of it. */
export function asGarrisonError(error: unknown): GarrisonError {
  return error instanceof GarrisonError ? error : new GarrisonError('INTERNAL', 'internal error', { cause: error });
}

/** Whether what is needed was not reached: it may be at the next try. Nobody has said no. */
export function isUnreachable(error: unknown): error is GarrisonError {
  return error instanceof GarrisonError && (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED');
}
