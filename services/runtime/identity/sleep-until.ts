import type { Clock } from '../clock.ts';

/** Timers hold 24 days at most, and wall clocks jump: look again at least this often. */
const lookMs = 60_000;

/** Resolves when the wall clock says `due`, or when the signal aborts. */
export async function sleepUntil(clock: Clock, due: Date, signal: AbortSignal): Promise<void> {
  for (;;) {
    const left = due.getTime() - clock.now().getTime();
    if (left <= 0 || signal.aborted) return;
    await clock.sleep(Math.min(left, lookMs), signal);
  }
}
