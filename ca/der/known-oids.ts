import { oids } from './oids.ts';
import { oid } from './write.ts';

interface Known {
  readonly content: Uint8Array;
  readonly dotted: string;
}

/** By a sum of their bytes: what every certificate holds a dozen of is looked up, not worked out. */
const known = new Map<number, Known[]>();
for (const dotted of Object.values(oids)) {
  // Behind tag and length, both of one octet.
  const content = oid(dotted).subarray(2);
  const sum = sumOf(content, 0, content.length);
  known.set(sum, [...(known.get(sum) ?? []), { content, dotted }]);
}

/** The dotted form of an object identifier that this library has a name for. */
export function knownOid(bytes: Uint8Array, from: number, to: number): string | undefined {
  for (const { content, dotted } of known.get(sumOf(bytes, from, to)) ?? []) {
    if (isAt(content, bytes, from, to)) return dotted;
  }
  return undefined;
}

function sumOf(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 1) sum = (Math.imul(sum, 31) + (bytes[at] ?? 0)) | 0;
  return sum;
}

function isAt(content: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (content.length !== to - from) return false;
  for (let at = 0; at < content.length; at += 1) if (content[at] !== bytes[from + at]) return false;
  return true;
}
