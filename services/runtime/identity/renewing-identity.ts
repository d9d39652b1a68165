import type { Clock } from '../clock.ts';
import type { Identity, IdentitySource } from '../identity-source.ts';
import type { Logger } from '../logger.ts';
import { renewalTime, retryDelayMs } from './renewal-time.ts';
import { sleepUntil } from './sleep-until.ts';

/** Whom to believe, apart from who one is. */
export type Trust = Pick<Identity, 'bundle' | 'revoked' | 'refused'>;

export interface RenewingOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends renewing; the last identity stays. */
  readonly signal?: AbortSignal | undefined;
  /** Between 0 and 1, for the jitter. */
  readonly random: () => number;
  /** Gets the next identity; called again later when it rejects. */
  readonly renew: (current: Identity) => Promise<Identity>;
}

/** Holds an identity and replaces it at half of its life. While renewing fails the last good one stays. */
export class RenewingIdentity implements IdentitySource, AsyncDisposable {
  readonly #options: RenewingOptions;
  readonly #listeners = new Set<(identity: Identity) => void>();
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #current: Identity;
  #trust: Trust | undefined;
  #wake = new AbortController();
  /** Why it was woken, since the last attempt began. */
  #reasons: ((identity: Identity) => boolean)[] = [];

  constructor(first: Identity, options: RenewingOptions) {
    this.#options = options;
    this.#current = first;
    options.signal?.addEventListener('abort', this.#end, { once: true });
    if (options.signal?.aborted === true) this.#end();
    this.#loop = this.#run();
  }

  current(): Identity {
    return this.#current;
  }

  onChange(listener: (identity: Identity) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Renews now instead of at half life, or instead of waiting to try again. A renewal that is under way began without
   * knowing why: another one follows.
   */
  renewNow(): void {
    this.renewWhere(() => true);
  }

  /** The same, where this identity is bad: the authority is about to go. What a renewal under way brings may be good already. */
  renewWhere(isBad: (identity: Identity) => boolean): void {
    if (!isBad(this.#current)) return;
    this.#reasons.push(isBad);
    this.#wake.abort();
  }

  /** Same SVID, other trust: what the authority says now holds for this identity and for those that follow it. */
  replaceTrust(trust: Trust): void {
    this.#trust = trust;
    this.#replace(this.#current);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#end);
    this.#end();
    await this.#loop;
  }

  readonly #end = (): void => {
    this.#stop.abort();
    this.#wake.abort();
  };

  #replace(next: Identity): void {
    this.#current = { ...next, ...this.#trust };
    for (const listener of this.#listeners) listener(this.#current);
  }

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    while (!this.#stopped()) {
      await sleepUntil(clock, renewalTime(clock.now(), this.#current.expiresAt, random), this.#wake.signal);
      if (this.#stopped()) return;
      this.#settle();
      await this.#renew();
      if (!this.#reasons.some((isBad) => isBad(this.#current))) this.#settle();
    }
  }

  /** Whoever woke us until now has what was asked for, or will have it from the attempt that begins. */
  #settle(): void {
    if (this.#stopped()) return;
    this.#reasons = [];
    this.#wake = new AbortController();
  }

  async #renew(): Promise<void> {
    const { clock, logger, renew } = this.#options;
    for (let failures = 1; !this.#stopped(); failures += 1) {
      try {
        this.#replace(await renew(this.#current));
        logger.info('identity renewed', { id: this.#current.spiffeId, expires: this.#current.expiresAt });
        return;
      } catch (error) {
        const left = this.#current.expiresAt.getTime() - clock.now().getTime();
        const level = left > 0 ? 'warn' : 'error';
        logger[level]('identity not renewed', { id: this.#current.spiffeId, expires: this.#current.expiresAt, error });
        await clock.sleep(retryDelayMs(failures, left), this.#wake.signal);
        this.#settle();
      }
    }
  }
}
