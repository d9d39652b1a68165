import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '#proto/gen/envoy/service/discovery/v3/discovery.ts';
import { checkCount, type Conversation, type Heard } from './conversation.ts';
import { secretType, type SealedSecret, type Offered } from './secrets.ts';

/** Told to the client: that there is no such thing. */
const absent = '';

/** One stream of the protocol's incremental form: requests change what is wanted, responses tell what is new or gone. */
export class Incremental implements Conversation<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
  readonly #wanted = new Set<string>();
  /** By name, the version that the client has been told. */
  readonly #told = new Map<string, string>();
  #everything = false;
  #begun = false;
  #nonce = 0;

  hear(request: DeltaDiscoveryRequest): Heard {
    const { resourceNamesSubscribe, resourceNamesUnsubscribe, initialResourceVersions, errorDetail } = request;
    if (!this.#begun) {
      // The protocol's rule for clients of old: a first request that names nothing wants everything.
      this.#everything = resourceNamesSubscribe.length === 0;
      for (const [name, version] of initialResourceVersions) this.#told.set(name, version);
    }
    for (const name of resourceNamesSubscribe) {
      if (name === '*') this.#everything = true;
      else this.#wanted.add(name);
      // Who asks again has lost it. In a first request the versions beside the names say what is still there.
      if (this.#begun) this.#told.delete(name);
    }
    for (const name of resourceNamesUnsubscribe) {
      if (name === '*') this.#everything = false;
      this.#wanted.delete(name);
      this.#told.delete(name);
    }
    checkCount(Math.max(this.#wanted.size, this.#told.size));
    this.#begun = true;
    const overtaken = request.responseNonce !== String(this.#nonce);
    return {
      refusal: overtaken || !errorDetail ? undefined : { message: errorDetail.message, names: [...this.#wanted] },
    };
  }

  unknown(secrets: Offered): readonly string[] {
    return [...this.#wanted].filter((name) => secrets.named(name) === undefined);
  }

  answer(secrets: Offered): DeltaDiscoveryResponse | undefined {
    if (!this.#begun) return undefined;
    const found = this.#found(secrets);
    const fresh = [...found.values()].filter(({ name, version }) => this.#told.get(name) !== version);
    const names = [...new Set([...this.#wanted, ...this.#told.keys()])];
    const gone = names.filter((name) => !found.has(name) && this.#told.get(name) !== absent);
    if (fresh.length === 0 && gone.length === 0) return undefined;
    for (const { name, version } of fresh) this.#told.set(name, version);
    for (const name of gone) {
      if (this.#wanted.has(name)) this.#told.set(name, absent);
      else this.#told.delete(name);
    }
    this.#nonce += 1;
    return {
      systemVersionInfo: '',
      resources: fresh.map(({ name, version, resource }) => ({ name, version, resource })),
      typeUrl: secretType,
      nonce: String(this.#nonce),
      removedResources: gone,
    };
  }

  #found(secrets: Offered): Map<string, SealedSecret> {
    const named = [...this.#wanted].flatMap((name) => secrets.named(name) ?? []);
    const found = this.#everything ? [...secrets.all(), ...named] : named;
    return new Map(found.map((secret) => [secret.name, secret]));
  }
}
