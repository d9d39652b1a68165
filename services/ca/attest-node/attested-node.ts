import type { SpiffeId } from '#ca/spiffe-id.ts';

/** A machine that has proved which one it is. */
export interface AttestedNode {
  readonly id: SpiffeId;
  readonly selectors: readonly string[];
  /** As it stands in records. */
  readonly caller: string;
}

/** A selector whose last part somebody else wrote: only what is one line of print. */
export function selector(kind: string, value: string | undefined): string[] {
  return value !== undefined && /^[\x20-\x7e]{1,256}$/.test(value) ? [`${kind}:${value}`] : [];
}
