import type { SerialHex } from '#ca/issue/serial.ts';
import type { LedgerEntry } from './port.ts';

const most = 1024;

/** Entries that were looked up last. */
export class RecentEntries {
  readonly #entries = new Map<SerialHex, LedgerEntry>();

  get(serial: SerialHex): LedgerEntry | undefined {
    return this.#entries.get(serial);
  }

  set(serial: SerialHex, entry: LedgerEntry): void {
    const [oldest] = this.#entries.keys();
    if (this.#entries.size >= most && oldest !== undefined) this.#entries.delete(oldest);
    this.#entries.set(serial, entry);
  }

  delete(serial: SerialHex): void {
    this.#entries.delete(serial);
  }
}
