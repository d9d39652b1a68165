import { GarrisonError } from '#proto/errors/index.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import type * as port from './port.ts';
import { refuseRedemption } from './redeem.ts';

/** A ledger that forgets with the process: for tests and throw-away meshes. Keeps every rule but durability. */
export class MemoryLedger implements port.Ledger {
  readonly #entries: port.LedgerEntry[] = [];
  readonly #bySerial = new Map<SerialHex, number>();
  readonly #tokens = new Map<string, port.StoredToken>();
  readonly #authorities = new Map<string, port.AuthorityRecord>();
  readonly #concluded: SerialHex[] = [];
  readonly #revoked: SerialHex[] = [];
  readonly #jwts: port.JwtEntry[] = [];
  readonly #cursors = new Map<string, number>();
  #sequence = 0;

  async check(): Promise<void> {
    await Promise.resolve();
  }

  async intend(intent: port.Intent, redeem?: port.Redemption): Promise<void> {
    await Promise.resolve();
    if (this.#bySerial.has(intent.serial)) throw new GarrisonError('UNAVAILABLE', 'the serial exists already');
    if (redeem !== undefined) this.#redeem(redeem);
    this.#bySerial.set(intent.serial, this.#entries.length);
    this.#entries.push({
      ...intent,
      number: this.#entries.length + 1,
      state: 'intended',
      certificate: undefined,
      reason: undefined,
      concludedAt: undefined,
      revokedAt: undefined,
      revocation: undefined,
    });
  }

  async conclude(serial: SerialHex, outcome: port.Outcome, at: Date): Promise<void> {
    await Promise.resolve();
    const changed = this.#change(serial, (entry) => {
      if (entry.state !== 'intended') return undefined;
      const issued = outcome.kind === 'issued';
      return {
        state: outcome.kind,
        certificate: issued ? Uint8Array.from(outcome.certificate) : undefined,
        reason: issued ? undefined : outcome.reason,
        concludedAt: at,
      };
    });
    if (!changed) throw new GarrisonError('INTERNAL', `serial \`${serial}\` is not waiting for an outcome`);
    this.#concluded.push(serial);
  }

  async abandon(instance: number): Promise<number> {
    await Promise.resolve();
    const prefix = Buffer.of(instance).toString('hex');
    const left = this.#entries.filter((entry) => entry.state === 'intended' && entry.serial.startsWith(prefix));
    for (const entry of left) {
      this.#change(entry.serial, () => ({ state: 'unknown', concludedAt: entry.requestedAt }));
      this.#concluded.push(entry.serial);
    }
    return left.length;
  }

  async find(serial: SerialHex): Promise<port.LedgerEntry | undefined> {
    await Promise.resolve();
    const at = this.#bySerial.get(serial);
    return at === undefined ? undefined : this.#entries[at];
  }

  async list(filter: port.EntryFilter): Promise<readonly port.LedgerEntry[]> {
    await Promise.resolve();
    const { spiffeId, caller, state, issuerKeyId, from, to, before, limit } = filter;
    return this.#entries
      .filter(
        (entry) =>
          (spiffeId === undefined || entry.spiffeId === spiffeId) &&
          (caller === undefined || entry.caller === caller) &&
          (state === undefined || entry.state === state) &&
          (issuerKeyId === undefined || entry.issuerKeyId === issuerKeyId) &&
          (from === undefined || entry.requestedAt >= from) &&
          (to === undefined || entry.requestedAt < to) &&
          (before === undefined || entry.number < before),
      )
      .reverse()
      .slice(0, limit);
  }

  async revoke(serial: SerialHex, reason: string, at: Date): Promise<boolean> {
    await Promise.resolve();
    const changed = this.#change(serial, (entry) => {
      const can = entry.revokedAt === undefined && entry.state !== 'failed' && entry.state !== 'intended';
      return can ? { revokedAt: at, revocation: reason } : undefined;
    });
    if (changed) this.#revoked.push(serial);
    return changed;
  }

  async listRevoked(at: Date): Promise<readonly SerialHex[]> {
    await Promise.resolve();
    return this.#entries
      .filter(({ revokedAt, notAfter }) => revokedAt !== undefined && notAfter >= at)
      .map(({ serial }) => serial);
  }

  async countLive(at: Date): Promise<readonly port.LiveCount[]> {
    await Promise.resolve();
    const live = this.#entries.filter(
      ({ profile, state, notAfter, revokedAt }) =>
        profile === 'leaf' && state !== 'failed' && revokedAt === undefined && notAfter >= at,
    );
    const byIssuer = Map.groupBy(live, ({ issuerKeyId }) => issuerKeyId);
    return [...byIssuer].map(([issuerKeyId, { length }]) => ({ issuerKeyId, leaves: length }));
  }

  async entriesAfter(position: number, limit: number): Promise<readonly port.ConcludedEntry[]> {
    await Promise.resolve();
    return this.#after(this.#concluded, position, limit);
  }

  async revocationsAfter(position: number, limit: number): Promise<readonly port.RevokedEntry[]> {
    await Promise.resolve();
    return this.#after(this.#revoked, position, limit);
  }

  async noteJwt(record: port.JwtRecord): Promise<void> {
    await Promise.resolve();
    this.#jwts.push({ ...record, number: this.#jwts.length + 1 });
  }

  async listJwts(filter: port.JwtFilter): Promise<readonly port.JwtEntry[]> {
    await Promise.resolve();
    const { spiffeId, keyId, caller, tokenHash, from, to, before, limit } = filter;
    return this.#jwts
      .filter(
        (jwt) =>
          (spiffeId === undefined || jwt.spiffeId === spiffeId) &&
          (keyId === undefined || jwt.keyId === keyId) &&
          (caller === undefined || jwt.caller === caller) &&
          (tokenHash === undefined || jwt.tokenHash === tokenHash) &&
          (from === undefined || jwt.issuedAt >= from) &&
          (to === undefined || jwt.issuedAt < to) &&
          (before === undefined || jwt.number < before),
      )
      .reverse()
      .slice(0, limit);
  }

  async jwtsAfter(number: number, limit: number): Promise<readonly port.JwtEntry[]> {
    await Promise.resolve();
    return this.#jwts.slice(number, number + limit);
  }

  async readCursors(): Promise<ReadonlyMap<string, number>> {
    await Promise.resolve();
    return new Map(this.#cursors);
  }

  async moveCursors(positions: ReadonlyMap<string, number>): Promise<void> {
    await Promise.resolve();
    for (const [name, position] of positions) {
      this.#cursors.set(name, Math.max(position, this.#cursors.get(name) ?? 0));
    }
  }

  async addToken(token: port.TokenRecord): Promise<void> {
    await Promise.resolve();
    if (this.#tokens.has(token.hash)) throw new GarrisonError('UNAVAILABLE', 'the token exists already');
    this.#tokens.set(token.hash, { ...token, redeemedAt: undefined });
  }

  async findToken(hash: string): Promise<port.StoredToken | undefined> {
    await Promise.resolve();
    return this.#tokens.get(hash);
  }

  async listTokens(): Promise<readonly port.StoredToken[]> {
    await Promise.resolve();
    return [...this.#tokens.values()].reverse().sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  async pruneTokens(before: Date): Promise<number> {
    await Promise.resolve();
    const over = [...this.#tokens.values()].filter((token) => token.expiresAt < before);
    for (const { hash } of over) this.#tokens.delete(hash);
    return over.length;
  }

  async putAuthorities(records: readonly port.AuthorityRecord[]): Promise<void> {
    await Promise.resolve();
    for (const record of records) {
      const { root, jwtKey } = this.#authorities.get(record.id) ?? record;
      this.#authorities.set(record.id, { ...record, root, jwtKey });
    }
    this.#sequence += 1;
  }

  async listAuthorities(): Promise<{ records: readonly port.AuthorityRecord[]; sequence: number }> {
    await Promise.resolve();
    return { records: [...this.#authorities.values()], sequence: this.#sequence };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }

  #after(order: readonly SerialHex[], position: number, limit: number): port.ConcludedEntry[] {
    return order.slice(position, position + limit).flatMap((serial, index) => {
      const at = this.#bySerial.get(serial);
      const entry = at === undefined ? undefined : this.#entries[at];
      return entry === undefined ? [] : [{ position: position + index + 1, entry }];
    });
  }

  #redeem({ hash, at }: port.Redemption): void {
    const token = this.#tokens.get(hash);
    if (token === undefined || token.redeemedAt !== undefined || token.expiresAt <= at) {
      throw refuseRedemption(token, at);
    }
    this.#tokens.set(hash, { ...token, redeemedAt: at });
  }

  /** False where the serial is unknown or `next` finds nothing to change. */
  #change(serial: SerialHex, next: (entry: port.LedgerEntry) => Partial<port.LedgerEntry> | undefined): boolean {
    const at = this.#bySerial.get(serial);
    const entry = at === undefined ? undefined : this.#entries[at];
    const change = entry === undefined ? undefined : next(entry);
    if (at === undefined || entry === undefined || change === undefined) return false;
    this.#entries[at] = { ...entry, ...change };
    return true;
  }
}
