/** Half of the life that is left, give or take a tenth of that, so that a thousand workloads started together do not stay together. */
export function renewalTime(now: Date, expiresAt: Date, random: () => number): Date {
  const left = Math.max(0, expiresAt.getTime() - now.getTime());
  return new Date(now.getTime() + (left / 2) * (0.9 + 0.2 * random()));
}

/** Doubles from one second to half a minute; while time is left, never more than a tenth of it. */
export function retryDelayMs(failures: number, leftMs: number): number {
  const slow = Math.min(1000 * 2 ** Math.min(failures - 1, 10), 30_000);
  return leftMs <= 0 ? slow : Math.max(100, Math.min(slow, leftMs / 10));
}
