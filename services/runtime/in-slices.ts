import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { Steps } from '#schema/index.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';

export interface SliceOptions {
  /** How long other work may have to wait for this. */
  readonly sliceMs?: number;
  /** Gives up between two slices. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Pick<Clock, 'monotonicMs'>;
  /** Lets everything else run that can. */
  readonly turn?: () => Promise<unknown>;
}

/** Short enough not to show in the tail of a decision that came over the network, long enough for what a turn costs. */
const defaultSliceMs = 0.1;

/** Does long work in slices, between which the event loop turns: whoever asks meanwhile is answered as ever. */
export async function inSlices<T>(steps: Steps<T>, options: SliceOptions = {}): Promise<T> {
  const { sliceMs = defaultSliceMs, signal, clock = systemClock, turn = turnOfTheLoop } = options;
  for (;;) {
    signal?.throwIfAborted();
    const end = clock.monotonicMs() + sliceMs;
    // At least one step, however slow the clock is to be read.
    do {
      const step = steps.next();
      if (step.done === true) return step.value;
    } while (clock.monotonicMs() < end);
    await turn();
  }
}
