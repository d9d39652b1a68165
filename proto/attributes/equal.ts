import { Duration, Timestamp } from './bag.ts';
import type { AttributeValue } from './bag.ts';

/** Same type and same value. Doubles compare by identity, so that NaN equals itself and 0 differs from -0. */
export function equalValues(a: AttributeValue, b: AttributeValue): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return Object.is(a, b);
  if (a instanceof Timestamp) return b instanceof Timestamp && a.seconds === b.seconds && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.seconds === b.seconds && a.nanos === b.nanos;
  if (a instanceof Uint8Array) {
    return b instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i]);
  }
  if (b instanceof Timestamp || b instanceof Duration || b instanceof Uint8Array) return false;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}
