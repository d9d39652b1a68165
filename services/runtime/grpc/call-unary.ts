import { fromGrpcStatus, GarrisonError } from '#proto/errors/index.ts';
import type { CallOptions, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import { describeUnreachable } from './describe-unreachable.ts';

type Method<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Res) => void,
) => ClientUnaryCall;

export interface UnaryCallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A grpc-js unary method as a promise: `callUnary(client.check.bind(client), request)`. Rejects with a GarrisonError. */
export function callUnary<Req, Res>(
  method: Method<Req, Res>,
  request: Req,
  options: UnaryCallOptions = {},
): Promise<Res> {
  const { timeoutMs = 10_000, signal, metadata = {} } = options;
  const sent = new Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  return new Promise((resolve, reject) => {
    const cancel = (): void => call.cancel();
    const call = method(request, sent, { deadline: Date.now() + timeoutMs }, (error, response) => {
      signal?.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(fromServiceError(error));
    });
    if (signal?.aborted === true) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
  });
}

/** What a call ended with, as our error: the code as the server named it, the sentence as it wrote it. */
export function fromServiceError(error: ServiceError): GarrisonError {
  return new GarrisonError(
    fromGrpcStatus(error.code),
    error.details === '' ? error.message : describeUnreachable(error.details),
    {
      cause: error,
    },
  );
}
