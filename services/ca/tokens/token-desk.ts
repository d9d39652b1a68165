import { createHash, randomBytes } from 'node:crypto';
import { isDnsName } from '#ca/issue/dns-name.ts';
import { formatJoinToken, hashOfSecret, parseJoinToken } from '#ca/join-token.ts';
import type { SpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { describeDuration } from '#schema/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { Ledger, StoredToken, TokenRecord } from '../ledger/port.ts';
import { refuseRedemption } from '../ledger/redeem.ts';

export interface TokenOrder {
  /** The identity it stands for; else `name` decides through the registrations. */
  readonly id?: SpiffeId | undefined;
  readonly name?: string | undefined;
  readonly dnsNames?: readonly string[];
  readonly ttlSeconds: number;
}

export interface MadeToken {
  readonly record: TokenRecord;
  /** The token itself. Shown once, kept nowhere. */
  readonly text: string;
}

export const maxTokenSeconds = 30 * 86_400;

/** Makes join tokens and finds out what a presented one stands for. Spending it is the ledger's, together with the intent. */
export class TokenDesk {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  readonly #authorities: Authorities;
  readonly #listeners = new Set<() => void>();

  constructor(ledger: Ledger, clock: Clock, authorities: Authorities) {
    this.#ledger = ledger;
    this.#clock = clock;
    this.#authorities = authorities;
  }

  async create(order: TokenOrder): Promise<MadeToken> {
    check(order);
    const secret = randomBytes(32);
    const now = this.#clock.now();
    const record = {
      id: randomBytes(6).toString('hex'),
      hash: hashOfSecret(secret),
      name: order.name ?? '',
      spiffeId: order.id?.toString() ?? '',
      dnsNames: order.dnsNames ?? [],
      createdAt: now,
      expiresAt: new Date(now.getTime() + order.ttlSeconds * 1000),
    };
    await this.#ledger.addToken(record);
    return { record, text: formatJoinToken(secret, this.#authorities.active().root.der) };
  }

  /** Told by whoever spent a token. */
  redeemed(): void {
    for (const listener of this.#listeners) listener();
  }

  onRedeemed(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** SHA-256 of the root that new tokens pin, hexadecimal. */
  rootHash(): string {
    return createHash('sha256').update(this.#authorities.active().root.der).digest('hex');
  }

  /** The token as recorded, if it could be redeemed now. */
  async lookUp(text: string): Promise<StoredToken> {
    const { hash } = parseJoinToken(text);
    const token = await this.#ledger.findToken(hash);
    const now = this.#clock.now();
    if (token === undefined || token.redeemedAt !== undefined || token.expiresAt <= now) {
      throw refuseRedemption(token, now);
    }
    return token;
  }
}

function check({ id, name, dnsNames = [], ttlSeconds }: TokenOrder): void {
  const refuse = (message: string, remedy: string): GarrisonError =>
    new GarrisonError('INVALID_ARGUMENT', message, { remedy });
  if ((id === undefined) === (name === undefined)) {
    throw refuse('a token stands for an identity or for a registration', 'give one of both');
  }
  if (id?.path === '') throw refuse(`\`${id.toString()}\` names the trust domain`, 'name a workload');
  if (name !== undefined && !/^[A-Za-z0-9._-]{1,253}$/.test(name)) {
    throw refuse(`\`${name.slice(0, 100)}\` is no token name`, 'use letters, digits, `.`, `-` and `_`');
  }
  const bad = dnsNames.find((dns) => !isDnsName(dns));
  if (bad !== undefined)
    throw refuse(`\`${bad.slice(0, 100)}\` is no DNS name`, 'write it in lower case, without a port');
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > maxTokenSeconds) {
    throw refuse(
      `a token cannot live for ${describeDuration(ttlSeconds * 1000)}`,
      `choose \`1s\` to ${describeDuration(maxTokenSeconds * 1000)}`,
    );
  }
}
