const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const ago = /^(\d{1,12})(ms|s|m|h|d)$/;
/** RFC 3339, or the part of it that people type: a date alone is its midnight in UTC. */
const moment = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}:\d{2})?)?$/;

/** A moment as people write it, in milliseconds since 1970; without an offset it is UTC. Undefined when it is none. */
export function readTime(text: string, nowMs: number): number | undefined {
  const span = ago.exec(text);
  if (span !== null) return nowMs - Number(span[1]) * unitMs[span[2] as keyof typeof unitMs];
  if (!moment.test(text)) return undefined;
  const zoned = text.length > 10 && !/(?:[Zz]|[+-]\d{2}:\d{2})$/.test(text) ? `${text}Z` : text;
  const ms = Date.parse(zoned.replace(' ', 'T').toUpperCase());
  return Number.isNaN(ms) ? undefined : ms;
}
