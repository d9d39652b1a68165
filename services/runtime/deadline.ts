import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';

export interface Deadline {
  /** Aborts when the time is over or the outer signal does; its reason is a GarrisonError where the time is over. */
  readonly signal: AbortSignal;
  /** Ends the waiting. */
  readonly done: () => void;
}

export function deadline(clock: Clock, ms: number, outer?: AbortSignal): Deadline {
  const over = new AbortController();
  const waiting = new AbortController();
  void clock.sleep(ms, waiting.signal).then(() => {
    if (!waiting.signal.aborted) over.abort(new GarrisonError('DEADLINE_EXCEEDED', `no answer within ${ms} ms`));
  });
  return {
    signal: outer === undefined ? over.signal : AbortSignal.any([over.signal, outer]),
    done: () => waiting.abort(),
  };
}
