import { DerReader } from './read.ts';

/** The elements of a plain concatenation, as the Workload API carries certificates. */
export function splitDer(bytes: Uint8Array, place: string): Uint8Array[] {
  const reader = new DerReader(bytes, place);
  const found: Uint8Array[] = [];
  while (!reader.done) found.push(reader.next().raw);
  return found;
}
