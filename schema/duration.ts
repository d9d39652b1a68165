import { describeNode } from './node.ts';
import type { Shape } from './shape.ts';
import { quoteable } from './quoteable.ts';

const milliseconds: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const whole = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/;
const part = /(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g;

/** `1h30m`, `5s`, `0ms`, `0.5s` in milliseconds: the durations of Go without a sign, which holds those of protobuf's JSON. */
export function parseDuration(text: string): number | undefined {
  if (text.length > 64 || !whole.test(text)) return undefined;
  let total = 0;
  for (const match of text.matchAll(part)) total += Number(match[1]) * (milliseconds[match[2] ?? ''] ?? NaN);
  return Number.isFinite(total) && total <= Number.MAX_SAFE_INTEGER ? total : undefined;
}

const day = 86_400_000;

/** As `parseDuration` reads it: `1h30m`, `250ms`. */
function writeDuration(ms: number): string {
  let [text, rest] = ['', ms];
  for (const unit of ['h', 'm', 's', 'ms'] as const) {
    const length = milliseconds[unit] ?? NaN;
    // What is left below a millisecond stays in the last part.
    const count = unit === 'ms' ? rest : Math.floor(rest / length);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * length;
  }
  return text === '' ? '0s' : text;
}

/** For people: `2160h` says little to who thinks in days, and days are no unit that could be written. */
export function describeDuration(ms: number): string {
  const written = `\`${writeDuration(ms)}\``;
  return ms >= 2 * day && ms % day === 0 ? `${written} (${ms / day} days)` : written;
}

export interface DurationOptions {
  readonly minMs?: number;
  readonly maxMs?: number;
}

/** Read as milliseconds. */
export function duration(options: DurationOptions = {}): Shape<number> {
  const { minMs = 0, maxMs = Infinity } = options;
  return {
    read(node, reading) {
      const value = node.kind === 'scalar' ? node.value : undefined;
      const parsed = typeof value === 'string' ? parseDuration(value) : undefined;
      if (parsed === undefined) {
        const what = node.kind === 'scalar' && node.text !== '' ? `\`${quoteable(node.text)}\`` : describeNode(node);
        reading.fault(
          node.place,
          `${what} is not a duration`,
          'write a number and a unit, such as `5s`, `250ms`, `1h30m`',
        );
        return undefined;
      }
      if (parsed < minMs || parsed > maxMs) {
        const least = describeDuration(minMs);
        const bounds = maxMs === Infinity ? `at least ${least}` : `between ${least} and ${describeDuration(maxMs)}`;
        reading.fault(node.place, `\`${quoteable(String(value))}\` must be ${bounds}`);
        return undefined;
      }
      return parsed;
    },
    schema: { type: 'string', pattern: whole.source, examples: ['5s', '250ms', '1h30m'] },
  };
}
