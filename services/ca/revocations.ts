import type { SerialHex } from '#ca/issue/serial.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Ledger } from './ledger/port.ts';

const pageSize = 1000;

/** Certificates that are worth nothing although they verify: told to every process of the mesh until they end by themselves. */
export class Revocations {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #serials: ReadonlySet<string> = new Set();
  #own: readonly string[] = [];
  #inherited: ReadonlySet<string> = new Set();

  private constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  static async open(ledger: Ledger, clock: Clock): Promise<Revocations> {
    const opened = new Revocations(ledger, clock);
    await opened.#read();
    return opened;
  }

  get serials(): ReadonlySet<string> {
    return this.#serials;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes up what another process did. */
  refresh(): Promise<void> {
    return this.#read();
  }

  /** What an authority above this one revoked: worth nothing here either. */
  inherit(serials: ReadonlySet<string>): void {
    this.#inherited = serials;
    this.#tell();
  }

  async revokeSerial(serial: SerialHex, reason: string): Promise<void> {
    const entry = await this.#ledger.find(serial);
    if (entry === undefined) throw new GarrisonError('NOT_FOUND', `no certificate has the serial \`${serial}\``);
    if (entry.profile !== 'leaf') {
      throw new GarrisonError('FAILED_PRECONDITION', 'this is the certificate of an authority', {
        remedy:
          'replace the authority that signed it: `garrison identity rotate`, then `taint` it and `revoke --authority` it',
      });
    }
    if (!(await this.#ledger.revoke(serial, reason, this.#clock.now()))) {
      throw new GarrisonError('FAILED_PRECONDITION', `the certificate \`${serial}\` is revoked already, or never was`);
    }
    await this.#read();
  }

  /** Every certificate of an identity that has not ended; their serials. */
  async revokeIdentity(spiffeId: string, reason: string): Promise<SerialHex[]> {
    const now = this.#clock.now();
    const revoked: SerialHex[] = [];
    let before: number | undefined;
    for (;;) {
      const page = await this.#ledger.list({ spiffeId, before, limit: pageSize });
      for (const { serial, profile, notAfter } of page) {
        const counts = profile === 'leaf' && notAfter >= now;
        if (counts && (await this.#ledger.revoke(serial, reason, now))) revoked.push(serial);
      }
      before = page.at(-1)?.number;
      if (before === undefined || page.length < pageSize) break;
    }
    await this.#read();
    return revoked;
  }

  async #read(): Promise<void> {
    this.#own = await this.#ledger.listRevoked(this.#clock.now());
    this.#tell();
  }

  #tell(): void {
    const serials = new Set([...this.#own, ...this.#inherited]);
    const same = serials.size === this.#serials.size && [...serials].every((one) => this.#serials.has(one));
    this.#serials = serials;
    if (!same) for (const listener of this.#listeners) listener();
  }
}
