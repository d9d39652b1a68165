import type { SerialHex } from '#ca/issue/serial.ts';

/** So many intents, or more, are looked through at the next start after a crash. */
const step = 10_000;

/**
 * Intents of this process that wait for an outcome, and below which number none waits any more: at ten million entries a
 * start must not look through all of them.
 */
export class OpenIntents {
  /** In the order of their numbers. */
  readonly #numbers = new Map<SerialHex, number>();
  #highest = 0;
  /** Undefined: somebody else’s intents may wait, nothing is known. */
  #settled: number | undefined;

  /** After a start: up to this number all are concluded, and beyond it nothing of others waits, or something does. */
  begin(settled: number, waiting: boolean): void {
    this.#settled = waiting ? undefined : settled;
  }

  add(serial: SerialHex, number: number): void {
    this.#numbers.set(serial, number);
    this.#highest = Math.max(this.#highest, number);
  }

  numberOf(serial: SerialHex): number | undefined {
    return this.#numbers.get(serial);
  }

  delete(serial: SerialHex): void {
    this.#numbers.delete(serial);
  }

  /** The number up to which all are concluded, when it is worth being written down. */
  settled(): number | undefined {
    if (this.#settled === undefined || this.#highest - this.#settled < step) return undefined;
    const [first] = this.#numbers.values();
    const settled = (first ?? this.#highest + 1) - 1;
    if (settled - this.#settled < step) return undefined;
    this.#settled = settled;
    return settled;
  }
}
