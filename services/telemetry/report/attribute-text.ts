import type { Duration, Timestamp } from '#proto/attributes/index.ts';

/** An address as people write it; undefined where the bytes are none. */
export function addressText(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  if (isMappedIPv4(bytes)) return bytes.subarray(12).join('.');
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  return compressZeros(groups);
}

/** Decision 4d: an IPv4-mapped IPv6 address is that IPv4 address. */
function isMappedIPv4(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
}

/** RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups becomes `::`. */
function compressZeros(groups: readonly number[]): string {
  let start = -1;
  let length = 1;
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    if (end > i) i = end;
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** RFC 3339 in UTC with as many decimals as the value has. */
export function timestampText(value: Timestamp): string {
  const whole = new Date(Number(value.seconds) * 1000);
  if (Number.isNaN(whole.getTime())) return `${value.seconds}.${decimals(value.nanos)}s`;
  const text = whole.toISOString().slice(0, -5);
  return value.nanos === 0 ? `${text}Z` : `${text}.${decimals(value.nanos)}Z`;
}

/** As JSON of google.protobuf.Duration: seconds with decimals and an `s`. */
export function durationText(value: Duration): string {
  const negative = value.seconds < 0n || value.nanos < 0;
  const seconds = value.seconds < 0n ? -value.seconds : value.seconds;
  const fraction = value.nanos === 0 ? '' : `.${decimals(Math.abs(value.nanos))}`;
  return `${negative ? '-' : ''}${seconds}${fraction}s`;
}

function decimals(nanos: number): string {
  return nanos.toString().padStart(9, '0').replace(/0+$/, '') || '0';
}
