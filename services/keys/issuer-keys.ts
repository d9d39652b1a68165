import type { KeySet } from '#policies/index.ts';
import { GarrisonError, asGarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import { deadline } from '#runtime/deadline.ts';
import { fetchDocument } from './fetch-document.ts';
import type { Fetched, FetchOptions } from './fetch-document.ts';
import { backoff, freshFor } from './freshness.ts';
import { httpUrl, parseDiscovery, parseKeySet } from './read-key-set.ts';

export interface KeyPlace {
  /** Where the keys are; undefined: where the issuer's discovery document says. */
  readonly jwksUri: string | undefined;
  readonly issuer: string;
  readonly timeoutMs: number;
}

export interface IssuerKeysOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly fetching: FetchOptions;
  /** How long keys stay good when they cannot be fetched anew. */
  readonly maxStaleMs: number;
  readonly onFetched: (outcome: 'fetched' | 'failed') => void;
}

interface Held {
  readonly set: KeySet;
  readonly body: Buffer;
  readonly atMs: number;
  readonly freshMs: number;
}

/** A token with a key id that nobody has seen may cause one fetch in this time, whoever sends how many. */
const forcedEveryMs = 10_000;

/** The keys of one place: fetched once for all who ask, refreshed ahead of need, kept for a while when that fails. */
export class IssuerKeys {
  readonly place: KeyPlace;
  readonly #options: IssuerKeysOptions;
  readonly #stop = new AbortController();
  #held: Held | undefined = undefined;
  #running: Promise<KeySet> | undefined = undefined;
  #failures = 0;
  #retryAtMs = 0;
  #forcedAtMs = -Infinity;
  #fault: GarrisonError | undefined = undefined;

  constructor(place: KeyPlace, options: IssuerKeysOptions) {
    this.place = place;
    this.#options = options;
  }

  /** The keys, from memory where they are there. Rejects where there are none that may be used. */
  current(): Promise<KeySet> {
    const held = this.usable;
    if (held !== undefined) return Promise.resolve(held.set);
    return this.#refreshUnlessHopeless();
  }

  /** The keys after one more look, where such a look is not due too soon after the last. */
  renewed(): Promise<KeySet> {
    const now = this.#options.clock.monotonicMs();
    const tooSoon = now - this.#forcedAtMs < forcedEveryMs;
    if (this.#running !== undefined) return this.#running;
    if (tooSoon) return this.current();
    this.#forcedAtMs = now;
    return this.#refreshUnlessHopeless();
  }

  /** Fetches now and whenever it is time again, until `stop`. */
  async keepFresh(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#refresh().catch(() => undefined);
      const held = this.#held;
      // Ahead of the end by a fifth or more, and not all at the same moment.
      const rest = held === undefined ? 0 : held.atMs + held.freshMs * (0.7 + 0.1 * random()) - clock.monotonicMs();
      await clock.sleep(Math.max(rest, this.#retryAtMs - clock.monotonicMs(), 1000), signal);
    }
  }

  stop(): void {
    this.#stop.abort(new GarrisonError('CANCELLED', 'the keys are no longer needed'));
  }

  get usable(): Held | undefined {
    const held = this.#held;
    if (held === undefined) return undefined;
    const age = this.#options.clock.monotonicMs() - held.atMs;
    return age <= Math.max(held.freshMs, this.#options.maxStaleMs) ? held : undefined;
  }

  /** For the admin page: no key material, and no more of a fault than its sentence. */
  describe(): Record<string, unknown> {
    const { issuer, jwksUri } = this.place;
    const held = this.usable;
    return {
      issuer,
      jwksUri: jwksUri ?? null,
      keys: held?.set.keys.map(({ kid, kty, alg }) => ({ kid, kty, alg })) ?? null,
      ageSeconds: held === undefined ? null : Math.round((this.#options.clock.monotonicMs() - held.atMs) / 1000),
      failures: this.#failures,
      fault: this.#fault?.describe() ?? null,
    };
  }

  /** While an issuer is down, who asks is told at once; the next attempt is made when it is due. */
  #refreshUnlessHopeless(): Promise<KeySet> {
    if (this.#running !== undefined || this.#options.clock.monotonicMs() >= this.#retryAtMs) return this.#refresh();
    return Promise.reject(this.#fault ?? new GarrisonError('UNAVAILABLE', 'the keys cannot be had now'));
  }

  #refresh(): Promise<KeySet> {
    return (this.#running ??= this.#load().finally(() => (this.#running = undefined)));
  }

  async #load(): Promise<KeySet> {
    const { clock, fetching, onFetched } = this.#options;
    const { signal, done } = deadline(clock, this.place.timeoutMs, this.#stop.signal);
    try {
      const url = await this.#locate(signal);
      const set = this.#keep(await fetchDocument(url, signal, fetching), url);
      onFetched('fetched');
      return set;
    } catch (error) {
      const fault = asGarrisonError(error);
      if (!this.#stop.signal.aborted) this.#failed(fault);
      throw fault;
    } finally {
      done();
    }
  }

  /** Where the keys are. Discovery is done anew each time: an issuer may move them. */
  async #locate(signal: AbortSignal): Promise<URL> {
    const { jwksUri, issuer } = this.place;
    const at = httpUrl(jwksUri ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    if (at === undefined) {
      throw new GarrisonError(
        'FAILED_PRECONDITION',
        `issuer \`${issuer}\` is no URL that keys can be discovered from`,
        {
          remedy: 'name the keys in `jwksUri` or `jwks`',
        },
      );
    }
    if (jwksUri !== undefined) return at;
    const { body } = await fetchDocument(at, signal, this.#options.fetching);
    return parseDiscovery(body, issuer, at.href);
  }

  #keep({ body, cacheControl }: Fetched, url: URL): KeySet {
    const { clock, logger } = this.#options;
    const times = { atMs: clock.monotonicMs(), freshMs: freshFor(cacheControl) };
    const known = this.#held;
    // The same document is the same object: keys imported from it stay imported.
    if (known?.body.equals(body) === true) {
      this.#held = { ...known, ...times };
    } else {
      const { set, ignored } = parseKeySet(body, url.href);
      this.#held = { set, body, ...times };
      const { issuer } = this.place;
      if (ignored.length > 0) logger.warn('keys ignored', { issuer, url: url.href, ignored: ignored.slice(0, 20) });
      if (set.keys.length === 0) logger.warn('issuer has no usable key', { issuer, url: url.href });
      logger.info('keys in use', { issuer, url: url.href, keys: set.keys.length });
    }
    if (this.#failures > 0) logger.info('keys fetched again', { issuer: this.place.issuer, url: url.href });
    this.#failures = 0;
    this.#retryAtMs = 0;
    this.#fault = undefined;
    return this.#held.set;
  }

  #failed(fault: GarrisonError): void {
    const { clock, logger, random, onFetched } = this.#options;
    this.#failures += 1;
    this.#retryAtMs = clock.monotonicMs() + backoff(this.#failures, random);
    this.#fault = fault;
    onFetched('failed');
    const { issuer, jwksUri } = this.place;
    const serving = this.usable === undefined ? 'none: its tokens are refused' : 'those fetched last';
    logger.warn('keys cannot be fetched', { issuer, jwksUri, keys: serving, failures: this.#failures, error: fault });
  }
}
