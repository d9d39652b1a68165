import { GarrisonError, isUnreachable } from '#proto/errors/index.ts';
import type { Address } from '#runtime/address.ts';

/**
 * Where the authorities of one ledger are. One of them is asked for as long as it answers, then the next; none is preferred,
 * so that one that comes and goes is not a reason to move again.
 */
export class AuthorityPlaces {
  readonly #addresses: readonly Address[];
  #current: Address;

  constructor(addresses: readonly Address[]) {
    const [first] = addresses;
    if (first === undefined) throw new GarrisonError('INTERNAL', 'there is no authority to ask');
    this.#addresses = addresses;
    this.#current = first;
  }

  get current(): Address {
    return this.#current;
  }

  /** It does not answer. Whoever says so of one that was left already changes nothing. */
  leave(address: Address): void {
    if (address !== this.#current) return;
    const next = (this.#addresses.indexOf(address) + 1) % this.#addresses.length;
    this.#current = this.#addresses[next] ?? address;
  }

  /** Asks one after the other, each once, until one answers, be it with a refusal. */
  async inTurn<T>(ask: (address: Address) => Promise<T>): Promise<T> {
    const failures: GarrisonError[] = [];
    for (;;) {
      const address = this.#current;
      try {
        return await ask(address);
      } catch (error) {
        if (!isUnreachable(error)) throw error;
        this.leave(address);
        failures.push(error);
        if (failures.length >= this.#addresses.length) throw summary(failures, error);
      }
    }
  }
}

function summary(failures: readonly GarrisonError[], last: GarrisonError): GarrisonError {
  if (failures.length === 1) return last;
  const message = failures.map((failure) => failure.message).join('; ');
  const remedy = last.remedy === undefined ? {} : { remedy: last.remedy };
  return new GarrisonError(last.code, message, { ...remedy, cause: last });
}
