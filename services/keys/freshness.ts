/** Upstream asks every 20 minutes; an issuer may ask for more or less within these bounds. */
const bounds = { least: 60_000, usual: 20 * 60_000, most: 3_600_000 } as const;

/** How long a document is good before it is fetched anew, from its `cache-control`. */
export function freshFor(cacheControl: string | undefined): number {
  if (cacheControl === undefined) return bounds.usual;
  const directives = cacheControl.split(',').map((part) => part.trim().toLowerCase());
  if (directives.some((directive) => directive === 'no-store' || directive === 'no-cache')) return bounds.least;
  for (const directive of directives) {
    const seconds = /^max-age="?([0-9]{1,9})"?$/.exec(directive)?.[1];
    if (seconds !== undefined) return Math.min(Math.max(Number(seconds) * 1000, bounds.least), bounds.most);
  }
  return bounds.usual;
}

/** When the next attempt is due after so many failures in a row: doubling, and never all at the same moment. */
export function backoff(failures: number, random: () => number, most = 60_000): number {
  const whole = Math.min(1000 * 2 ** (failures - 1), most);
  return whole / 2 + (whole / 2) * random();
}
