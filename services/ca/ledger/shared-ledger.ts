import type { Ledger } from './port.ts';
import type { NoticeKind } from './postgres/locks.ts';

/** A ledger that several authorities write: what one of them must know of the others. */
export interface SharedLedger extends Ledger {
  /** First byte of this process' serials. May change when the database was away for longer than the lease. */
  readonly instance: number;
  /** Another process changed something, or may have: after a lost connection everything is told. */
  onNotice(listener: (kind: NoticeKind) => void): () => void;
  /** Runs while no other process does the same: for the very first start. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Runs `work` in one process at a time, and in the next one when that is gone, until the signal. */
  whileAlone(task: 'forwarding', signal: AbortSignal, work: () => Promise<void>): Promise<void>;
}

export function isShared(ledger: Ledger): ledger is SharedLedger {
  return 'onNotice' in ledger;
}
