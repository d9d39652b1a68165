export interface Waiting {
  readonly withinMs: number;
  readonly everyMs: number;
  readonly elapsedMs: () => number;
}

/** Asks again until the answer is there; undefined when the time is over. */
export async function awaitUntil<T>(ask: () => Promise<T | undefined>, waiting: Waiting): Promise<T | undefined> {
  const began = waiting.elapsedMs();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined || waiting.elapsedMs() - began > waiting.withinMs) return answer;
    await new Promise((resolve) => setTimeout(resolve, waiting.everyMs));
  }
}
