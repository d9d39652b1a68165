/** Holds the process alive until the promise is settled: what is waited for may hang on timers that do not (`Clock.sleep`). */
export async function keepAlive<T>(awaited: Promise<T>): Promise<T> {
  const holding = setInterval(() => undefined, 2 ** 30);
  try {
    return await awaited;
  } finally {
    clearInterval(holding);
  }
}
