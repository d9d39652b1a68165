import { Duration, Timestamp } from '#proto/attributes/index.ts';
import type { AttributeBag, StringMap } from '#proto/attributes/index.ts';
import { addressText } from './attribute-text.ts';

// An attribute of another type than it should have is no attribute to these; the audit record keeps it as it came.

export function textOf(bag: AttributeBag, name: string): string | undefined {
  const value = bag.get(name);
  return typeof value === 'string' ? value : undefined;
}

export function mapOf(bag: AttributeBag, name: string): StringMap | undefined {
  const value = bag.get(name);
  return value instanceof Map ? value : undefined;
}

export function addressOf(bag: AttributeBag, name: string): string | undefined {
  const value = bag.get(name);
  return value instanceof Uint8Array ? addressText(value) : undefined;
}

/** An integer that a JavaScript number holds exactly; none of the named ones is ever larger in earnest. */
export function numberOf(bag: AttributeBag, name: string): number | undefined {
  const value = bag.get(name);
  return typeof value === 'bigint' && isSafe(value) ? Number(value) : undefined;
}

const largest = BigInt(Number.MAX_SAFE_INTEGER);

export function isSafe(value: bigint): boolean {
  return value >= -largest && value <= largest;
}

export function durationOf(bag: AttributeBag, name: string): number | undefined {
  const value = bag.get(name);
  return value instanceof Duration ? value.toMs() : undefined;
}

export function timeOf(bag: AttributeBag, name: string): number | undefined {
  const value = bag.get(name);
  if (!(value instanceof Timestamp)) return undefined;
  const ms = Math.trunc(Number(value.seconds) * 1000 + value.nanos / 1_000_000);
  // Dates end at ±8.64e15 ms (ECMA-262 §21.4.1.1); what lies beyond is no time of a request.
  return Math.abs(ms) <= 8.64e15 ? ms : undefined;
}
