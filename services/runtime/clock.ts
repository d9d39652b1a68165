/** The only source of time. Wall time for what people and certificates read; monotonic time for spans and timeouts. */
export interface Clock {
  now(): Date;
  /** Milliseconds from an arbitrary point; never goes back when the wall clock is set. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Does not keep the process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      timer.unref();
      signal?.addEventListener('abort', done, { once: true });
    }),
};
