import { GarrisonError } from '#proto/errors/index.ts';

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** What setTimeout can wait. A longer deadline is none. */
const longest = 2 ** 31 - 1;

/** The `grpc-timeout` header in milliseconds: at most eight digits and a unit. */
export function parseTimeout(text: string): number | undefined {
  const parts = /^([0-9]{1,8})([HMSmun])$/.exec(text);
  const unit = unitMs[parts?.[2] ?? ''];
  if (parts === null || unit === undefined) {
    throw new GarrisonError('INVALID_ARGUMENT', `\`grpc-timeout: ${text}\` cannot be read`, {
      remedy: 'send at most eight digits and one of H, M, S, m, u, n',
    });
  }
  const ms = Math.ceil(Number(parts[1]) * unit);
  return ms > longest ? undefined : ms;
}
