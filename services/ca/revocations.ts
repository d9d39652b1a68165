import { authorityId } from '#ca/authority-id.ts';
import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import { ended, standsUnder, type Authorities } from './authority/authorities.ts';
import type { Ledger } from './ledger/port.ts';
import { revokedIssuers } from './revoked-issuers.ts';

const pageSize = 1000;

/** What an authority above says is worth nothing. */
export interface Inherited {
  /** Serials of certificates. */
  readonly revoked: ReadonlySet<string>;
  /** DER of what its revoked authorities signed with, and those above it. */
  readonly refused: readonly Uint8Array[];
}

/** Certificates that are worth nothing although they verify: told to every process of the mesh until they end by themselves. */
export class Revocations {
  readonly #ledger: Ledger;
  readonly #trustDomain: TrustDomain;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  #serials: ReadonlySet<string> = new Set();
  #own: readonly string[] = [];
  #issuers: readonly Issuer[] = [];
  #inherited: Inherited = { revoked: new Set(), refused: [] };

  private constructor(ledger: Ledger, trustDomain: TrustDomain, clock: Clock) {
    this.#ledger = ledger;
    this.#trustDomain = trustDomain;
    this.#clock = clock;
  }

  static async open(
    ledger: Ledger,
    trustDomain: TrustDomain,
    clock: Clock,
    inherited?: Inherited,
  ): Promise<Revocations> {
    const opened = new Revocations(ledger, trustDomain, clock);
    if (inherited !== undefined) opened.#inherited = inherited;
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
  inherit(inherited: Inherited): void {
    const sameRefused = sameAll(inherited.refused, this.#inherited.refused);
    this.#inherited = inherited;
    this.#tell(!sameRefused);
  }

  /** DER of revoked authorities under roots that are trusted, here or above: whatever stands under their keys is refused. */
  refused(authorities: Pick<Authorities, 'refused' | 'trusted'>): readonly Uint8Array[] {
    const now = this.#clock.now();
    const trusted = authorities.trusted();
    const own = this.#issuers.filter((issuing) => !trusted.some((one) => standsUnder(one, { issuing })));
    const further = [...own, ...this.#inherited.refused.map(readIssuer)].filter((issuing) => !ended(issuing, now));
    const all = [...authorities.refused(now), ...further.map(({ der }) => der)];
    return all.filter((der, index) => all.findIndex((one) => Buffer.compare(one, der) === 0) === index);
  }

  /** Names of those whose certificates are to be replaced: authorities that are going, and intermediates that are refused. */
  spent(authorities: Pick<Authorities, 'refused' | 'trusted' | 'spent'>): readonly string[] {
    const refused = this.refused(authorities).map((der) => authorityId(readIssuer(der)));
    return [...new Set([...authorities.spent(), ...refused])];
  }

  /** An intermediate with all that stands under it, unless that is what an authority signs with now. */
  async revokeSerial(serial: SerialHex, reason: string, authorities: Pick<Authorities, 'trusted'>): Promise<void> {
    const entry = await this.#ledger.find(serial);
    if (entry === undefined) throw new GarrisonError('NOT_FOUND', `no certificate has the serial \`${serial}\``);
    const { profile, certificate } = entry;
    const issuing = profile === 'intermediate' && certificate !== undefined ? readIssuer(certificate) : undefined;
    const inUse = issuing === undefined || authorities.trusted().some((one) => standsUnder(one, { issuing }));
    if (profile !== 'leaf' && inUse) {
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
    const now = this.#clock.now();
    this.#own = await this.#ledger.listRevoked(now);
    this.#issuers = await revokedIssuers(this.#ledger, this.#trustDomain, now);
    this.#tell();
  }

  #tell(further = false): void {
    const serials = new Set([...this.#own, ...this.#inherited.revoked]);
    const same = serials.size === this.#serials.size && [...serials].every((one) => this.#serials.has(one));
    this.#serials = serials;
    if (!same || further) for (const listener of this.#listeners) listener();
  }
}

function sameAll(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return (
    some.length === others.length && some.every((one, at) => Buffer.compare(one, others[at] ?? Buffer.alloc(0)) === 0)
  );
}
