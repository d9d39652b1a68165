import type { TrustDomain } from '#ca/spiffe-id.ts';
import { asGarrisonError, GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { FederationConfig } from '#runtime/config/federation-config.ts';
import type { Logger } from '#runtime/logger.ts';
import { fetchBundle, type RootsOf } from './fetch-bundle.ts';
import { placed, takeBundle, type FederatedBundle, type KeptBundles } from './kept-bundle.ts';
import { refuseGoingBack } from './refuse-going-back.ts';

export interface RelationshipOptions {
  readonly kept: KeptBundles;
  readonly rootsOf: RootsOf;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between 0 and 1, for the jitter. */
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly onChange: () => void;
  readonly onFetched: (trustDomain: TrustDomain, outcome: 'new' | 'same' | 'failed') => void;
}

/** SPIFFE Trust Domain and Bundle §4.1.2: where the bundle does not say how often to ask. */
const defaultHintSeconds = 300;
const longestSeconds = 24 * 3600;
/** As long as an endpoint has told nothing since the start, it is asked more often: it may be starting too. */
const firstRetryMs = 1000;

/** One other trust domain: its last good bundle, and the asking for the next. */
export class Relationship {
  readonly config: FederationConfig;
  readonly #options: RelationshipOptions;
  #current: FederatedBundle | undefined;
  #failure: { readonly message: string; readonly at: Date } | undefined;
  #failures = 0;
  #answered: Date | undefined;
  #asking: Promise<void> | undefined;

  constructor(config: FederationConfig, options: RelationshipOptions) {
    this.config = config;
    this.#options = options;
    this.#current = options.kept.read(config.trustDomain, config.bundle);
  }

  get current(): FederatedBundle | undefined {
    return this.#current;
  }

  /** What the last asking failed with; undefined where it did not. */
  get failure(): { readonly message: string; readonly at: Date } | undefined {
    return this.#failure;
  }

  /** When the endpoint last gave a good bundle in the life of this process. */
  get answered(): Date | undefined {
    return this.#answered;
  }

  /** Asks now and then for as long as the process lives. Federation §5.1: at the refresh hint, and after a failure no sooner. */
  async follow(): Promise<void> {
    const { clock, random, signal } = this.#options;
    while (this.config.endpoint !== undefined && !signal.aborted) {
      await this.refresh().catch(() => undefined);
      const interval = this.#intervalMs();
      const wait =
        this.#answered === undefined ? Math.min(firstRetryMs * 2 ** (this.#failures - 1), interval) : interval;
      await clock.sleep(wait * (0.9 + 0.2 * random()), signal);
    }
  }

  #intervalMs(): number {
    const hint = this.#current?.document.refreshHintSeconds ?? defaultHintSeconds;
    return this.config.refreshMs ?? Math.min(Math.max(hint, 1), longestSeconds) * 1000;
  }

  /** Asks once. Rejects with the reason where there is no good answer; the last good bundle stays. */
  refresh(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** An operator's word. It may also go back in sequence: the other authority may have begun anew. */
  set(bytes: Uint8Array): void {
    this.#take(takeBundle(this.config.trustDomain, bytes, 'operator', this.#options.clock.now()));
  }

  async #ask(): Promise<void> {
    const { clock, rootsOf, logger, signal, onFetched } = this.#options;
    const { endpoint, trustDomain } = this.config;
    if (endpoint === undefined) {
      throw new GarrisonError(
        'FAILED_PRECONDITION',
        `there is no endpoint to ask for the bundle of \`${trustDomain}\``,
        {
          remedy: 'give it with `garrison identity bundle set`, or write a `url`',
        },
      );
    }
    try {
      const bytes = await fetchBundle(endpoint, { clock, rootsOf, signal });
      const fetched = placed(endpoint.url.href, () => takeBundle(trustDomain, bytes, 'endpoint', clock.now()));
      if (this.#current !== undefined) refuseGoingBack(trustDomain, this.#current.document, fetched.document);
      onFetched(trustDomain, this.#take(fetched) ? 'new' : 'same');
      this.#answered = fetched.at;
      this.#failures = 0;
      this.#failure = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.#failures += 1;
      this.#failure = { message: asGarrisonError(error).describe(), at: clock.now() };
      onFetched(trustDomain, 'failed');
      logger.warn('federated bundle not fetched', { trustDomain, url: endpoint.url.href, error });
      throw error;
    }
  }

  /** Whether it says anything new. */
  #take(next: FederatedBundle): boolean {
    const { kept, logger, onChange } = this.#options;
    const { trustDomain } = this.config;
    const same = this.#current?.text === next.text;
    this.#current = next;
    if (same) return false;
    try {
      kept.write(trustDomain, next);
    } catch (error) {
      // In force all the same: it may have revoked something.
      logger.error('federated bundle not kept', { trustDomain, error });
    }
    const { roots, jwtKeys, sequence } = next.document;
    const told = { trustDomain, from: next.from, sequence, roots: roots.length, jwtKeys: jwtKeys.length };
    logger.info('federated bundle in force', told);
    onChange();
    return true;
  }
}
