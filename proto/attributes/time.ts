import { Duration, Timestamp } from './bag.ts';

// google/protobuf/timestamp.proto: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z.
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;
// google/protobuf/duration.proto: ±10,000 years.
const longestSpan = 315_576_000_000n;

interface Parts {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** The time that the parts stand for; undefined where google.protobuf.Timestamp does not allow them. */
export function readTimestamp({ seconds, nanos }: Parts): Timestamp | undefined {
  if (seconds < firstSecond || seconds > lastSecond || nanos < 0 || nanos > 999_999_999) return undefined;
  return new Timestamp(seconds, nanos);
}

/** The span that the parts stand for; undefined where google.protobuf.Duration does not allow them. */
export function readDuration({ seconds, nanos }: Parts): Duration | undefined {
  if (seconds < -longestSpan || seconds > longestSpan || nanos < -999_999_999 || nanos > 999_999_999) return undefined;
  if ((seconds < 0n && nanos > 0) || (seconds > 0n && nanos < 0)) return undefined;
  return new Duration(seconds, nanos);
}
