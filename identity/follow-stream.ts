import type { ClientReadableStream } from '@grpc/grpc-js';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import { fromServiceError } from '#runtime/grpc/call-unary.ts';

export interface Following<T> {
  readonly open: () => ClientReadableStream<T>;
  readonly use: (message: T) => void;
  /** Why there is nothing new at the moment; it is tried again. */
  readonly onFault: (error: GarrisonError) => void;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

const shortestMs = 200;
const longestMs = 30_000;

/** Holds a stream open and opens it again when it ends. Rejects when the server says that asking again is of no use. */
export async function followStream<T>(following: Following<T>): Promise<void> {
  const { clock, random, signal, onFault } = following;
  for (let failures = 0; !signal.aborted;) {
    const error = await once(following, () => (failures = 0));
    if (ended(signal)) return;
    // SPIFFE Workload Endpoint §6: whoever is told InvalidArgument must not try again. Unimplemented will stay so.
    if (error.code === 'INVALID_ARGUMENT' || error.code === 'UNIMPLEMENTED') throw error;
    onFault(error);
    const wait = Math.min(longestMs, shortestMs * 2 ** failures);
    failures = Math.min(failures + 1, 16);
    await clock.sleep(wait * (0.75 + random() / 2), signal);
  }
}

async function once<T>({ open, use, signal }: Following<T>, received: () => void): Promise<GarrisonError> {
  const stream = open();
  const cancel = (): void => stream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of stream) {
      use(message as T);
      received();
    }
    return new GarrisonError('UNAVAILABLE', 'the Workload API ended the stream');
  } catch (error) {
    return error instanceof GarrisonError ? error : fromServiceError(error as Parameters<typeof fromServiceError>[0]);
  } finally {
    signal.removeEventListener('abort', cancel);
    stream.on('error', () => undefined);
    stream.cancel();
  }
}

/** A call, because the signal changes while we wait. */
function ended(signal: AbortSignal): boolean {
  return signal.aborted;
}
