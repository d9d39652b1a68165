import type { JwtRule } from '#policies/documents/model.ts';
import type { PolicySet } from '#policies/documents/policy-set.ts';
import type { KeySet, KeySource } from '#policies/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Metrics } from '#runtime/metrics.ts';
import { IssuerKeys } from '#services/keys/issuer-keys.ts';
import type { IssuerKeysOptions } from '#services/keys/issuer-keys.ts';

export type KeyStoreOptions = Omit<IssuerKeysOptions, 'onFetched'>;

/** The keys of every issuer that the documents in force name and do not carry themselves. */
export class KeyStore implements KeySource, Disposable {
  readonly #options: KeyStoreOptions;
  readonly #issuers = new Map<string, IssuerKeys>();
  readonly #outcomes = { fetched: 0, failed: 0 };

  constructor(options: KeyStoreOptions) {
    this.#options = options;
  }

  /** Begins to fetch for rules that are new, and forgets what no rule needs any longer. Waits for nobody. */
  use(set: PolicySet): void {
    const wanted = new Map<string, JwtRule>();
    for (const { jwtRules } of set.requestAuthentication) {
      for (const rule of jwtRules) if (rule.jwks === undefined) wanted.set(placeKey(rule), rule);
    }
    for (const [key, issuer] of this.#issuers) {
      if (wanted.has(key)) continue;
      issuer.stop();
      this.#issuers.delete(key);
    }
    for (const [key, rule] of wanted) if (!this.#issuers.has(key)) this.#begin(key, rule);
  }

  keysFor(rule: JwtRule, unknownKid: string | undefined): Promise<KeySet> {
    const issuer = this.#issuers.get(placeKey(rule));
    // A check that began before a change of the documents: it is refused, and the next one is not.
    if (issuer === undefined) {
      return Promise.reject(new GarrisonError('UNAVAILABLE', 'no document in force names this issuer any longer'));
    }
    return unknownKid === undefined ? issuer.current() : issuer.renewed();
  }

  describe(): Record<string, unknown>[] {
    return [...this.#issuers.values()].map((issuer) => issuer.describe());
  }

  exposeOn(metrics: Metrics): void {
    const issuers = (): IssuerKeys[] => [...this.#issuers.values()];
    metrics.observedGauge('garrison_key_issuers', 'Issuers whose keys are fetched', () => issuers().length);
    metrics.observedGauge(
      'garrison_key_issuers_without_keys',
      'Issuers whose tokens are refused for want of keys',
      () => {
        return issuers().filter(({ usable }) => usable === undefined).length;
      },
    );
    metrics.append(() => [
      '# HELP garrison_key_fetches_total Attempts to fetch the keys of an issuer\n',
      '# TYPE garrison_key_fetches_total counter\n',
      ...Object.entries(this.#outcomes).map(([name, n]) => `garrison_key_fetches_total{outcome="${name}"} ${n}\n`),
    ]);
  }

  [Symbol.dispose](): void {
    for (const issuer of this.#issuers.values()) issuer.stop();
    this.#issuers.clear();
  }

  #begin(key: string, { jwksUri, issuer, timeoutMs }: JwtRule): void {
    const keys = new IssuerKeys(
      { jwksUri, issuer, timeoutMs },
      { ...this.#options, onFetched: (outcome) => (this.#outcomes[outcome] += 1) },
    );
    this.#issuers.set(key, keys);
    void keys.keepFresh();
  }
}

/** Rules that name the same place share what is found there. */
function placeKey({ jwksUri, issuer, timeoutMs }: JwtRule): string {
  return JSON.stringify([jwksUri ?? null, jwksUri === undefined ? issuer : null, timeoutMs]);
}
