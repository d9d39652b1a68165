import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { FederationConfig } from '#runtime/config/federation-config.ts';
import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { ForeignBundle } from '#services/workload/trust.ts';
import { KeptBundles } from './kept-bundle.ts';
import { Relationship, type RelationshipOptions } from './relationship.ts';

export interface FederationOptions {
  readonly trustDomain: TrustDomain;
  readonly relationships: readonly FederationConfig[];
  /** DER roots of the own trust domain: an endpoint may stand in it. */
  readonly ownRoots: () => readonly Uint8Array[];
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly onFetched: RelationshipOptions['onFetched'];
}

/** The trust domains that this one federates with: each has its own bundle, and none ever becomes part of another. */
export class Federation implements AsyncDisposable {
  readonly #relationships = new Map<TrustDomain, Relationship>();
  readonly #listeners = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #following: Promise<unknown>;
  #foreign: ReadonlyMap<TrustDomain, ForeignBundle> = new Map();

  constructor({ trustDomain: own, relationships, ownRoots, state, onFetched, ...world }: FederationOptions) {
    const kept = new KeptBundles(state);
    const options: RelationshipOptions = {
      ...world,
      kept,
      signal: this.#stop.signal,
      rootsOf: (name) => (name === own ? ownRoots() : this.#foreign.get(name)?.roots),
      onChange: () => this.#changed(),
      onFetched,
    };
    for (const config of relationships) {
      if (config.trustDomain === own) {
        throw new GarrisonError(
          'FAILED_PRECONDITION',
          `\`${own}\` is this trust domain and does not federate with itself`,
          {
            place: 'ca.federation',
            remedy: 'take it out',
          },
        );
      }
      this.#relationships.set(config.trustDomain, new Relationship(config, options));
    }
    this.#changed();
    this.#following = Promise.all(this.all().map((one) => one.follow()));
  }

  all(): readonly Relationship[] {
    return [...this.#relationships.values()];
  }

  /** NOT_FOUND for a trust domain that is not configured. */
  find(trustDomain: string): Relationship {
    const found = this.all().find(({ config }) => config.trustDomain === trustDomain);
    if (found !== undefined) return found;
    throw new GarrisonError('NOT_FOUND', `this trust domain does not federate with \`${trustDomain.slice(0, 300)}\``, {
      remedy: 'add it to `ca.federation` in the configuration',
    });
  }

  /** By trust domain; those whose bundle is not known yet are absent. */
  foreign(): ReadonlyMap<TrustDomain, ForeignBundle> {
    return this.#foreign;
  }

  /** Names that registrations federate with though nothing is configured for them. */
  unknown(registrations: readonly { readonly federatesWith: readonly string[] }[]): readonly string[] {
    const configured = new Set<string>(this.#relationships.keys());
    return [...new Set(registrations.flatMap(({ federatesWith }) => federatesWith))]
      .filter((name) => !configured.has(name))
      .sort();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  #changed(): void {
    const known = this.all().flatMap(({ config: { trustDomain }, current }) =>
      current === undefined ? [] : [[trustDomain, current.document] as const],
    );
    this.#foreign = new Map(known);
    for (const listener of this.#listeners) listener();
  }
}
