import type { DiscoveryRequest, DiscoveryResponse } from '#proto/gen/envoy/service/discovery/v3/discovery.ts';
import { checkCount, type Conversation, type Heard } from './conversation.ts';
import { secretType, type SealedSecret, type Offered } from './secrets.ts';

/**
 * One stream of the protocol's older form: a request names all that is wanted, a response holds all of that. A request
 * whose nonce is not the last one answers a response that is overtaken, and is passed over.
 */
export class StateOfTheWorld implements Conversation<DiscoveryRequest, DiscoveryResponse> {
  #names: readonly string[] | undefined;
  #owed = false;
  #nonce = 0;
  #sent = '';

  hear({ resourceNames, responseNonce, errorDetail }: DiscoveryRequest): Heard {
    if (this.#nonce > 0 && responseNonce !== String(this.#nonce)) return { refusal: undefined };
    const names = [...new Set(resourceNames.filter((name) => name !== ''))].sort();
    checkCount(names.length);
    // With the same names it is an ACK or a NACK: either way there is nothing to say before something changes.
    if (this.#names?.join('\n') !== names.join('\n')) this.#owed = true;
    this.#names = names;
    return { refusal: errorDetail && { message: errorDetail.message, names } };
  }

  unknown(secrets: Offered): readonly string[] {
    return (this.#names ?? []).filter((name) => secrets.named(name) === undefined);
  }

  answer(secrets: Offered): DiscoveryResponse | undefined {
    if (this.#names === undefined) return undefined;
    const found = wanted(secrets, this.#names);
    const versionInfo = versionOf(found);
    // A client takes a response without what it asked for as a fault; what is unknown now is sent when it is known.
    if (found.length === 0 || (!this.#owed && versionInfo === this.#sent)) return undefined;
    this.#owed = false;
    this.#sent = versionInfo;
    this.#nonce += 1;
    return response(found, versionInfo, String(this.#nonce));
  }
}

/** FetchSecrets: one request, one response, and who asks for more than there is gets nothing. */
export function answerOnce(secrets: Offered, { resourceNames }: DiscoveryRequest): DiscoveryResponse {
  const found = wanted(secrets, [...new Set(resourceNames.filter((name) => name !== ''))]);
  return response(found, versionOf(found), '');
}

function wanted(secrets: Offered, names: readonly string[]): SealedSecret[] {
  return names.length === 0 ? secrets.all() : names.flatMap((name) => secrets.named(name) ?? []);
}

function response(secrets: readonly SealedSecret[], versionInfo: string, nonce: string): DiscoveryResponse {
  return { versionInfo, resources: secrets.map(({ resource }) => resource), typeUrl: secretType, nonce };
}

function versionOf(secrets: readonly SealedSecret[]): string {
  return secrets.map(({ version }) => version).join('-');
}
