import type { UnixPeer } from '#runtime/peer.ts';

/**
 * Finds out something of a process that is not the process's own word, and says it as selectors. What cannot be found out
 * is not said: then no registration that needs it holds.
 */
export interface WorkloadAttestor {
  readonly name: string;
  /** What its selectors begin with: it is asked only where a registration needs one of these. */
  readonly prefixes: readonly string[];
  /** Whether two processes with the same credentials and program may differ in it. */
  readonly perProcess: boolean;
  /** Rejects where it could not find out; an empty list where there is nothing to say. */
  attest(process: UnixPeer): Promise<readonly string[]>;
}

/** A selector, where what it would say is a text that is not empty. */
export function said(kind: string, value: unknown): string[] {
  return typeof value === 'string' && value !== '' ? [`${kind}:${value}`] : [];
}
