import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { GarrisonError, isUnreachable } from '#proto/errors/index.ts';
import {
  NodeClient,
  type EntryRequest,
  type NodeNews,
  type SignX509Result,
} from '#proto/gen/garrison/v1/node-entries.ts';
import type { Address } from '#runtime/address.ts';
import { callUnary, fromServiceError } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { isAuthority } from '#runtime/identity/request-certificate.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { AuthorityPlaces } from './authority-places.ts';

/** The authority, as this node may use it. */
export interface AuthorityLink {
  /** Ends when the signal aborts; throws a GarrisonError when the authority ends it. */
  watch(signal: AbortSignal): AsyncIterable<NodeNews>;
  sign(requests: readonly EntryRequest[]): Promise<readonly SignX509Result[]>;
  mintJwt(entry: string, audience: readonly string[]): Promise<string>;
}

/** Ten thousand entries with their selectors are some megabytes. */
const maxNewsBytes = 256 << 20;
/** After a taint every node asks at once, and each waits for its turn. */
const timeoutMs = 60_000;

/**
 * Over mTLS with the node's identity, followed when that changes, to the authority that is asked now. Its stream of news is
 * what tells that it is away: then everything goes to the next.
 */
export class GrpcAuthorityLink implements AuthorityLink, Disposable {
  readonly #places: AuthorityPlaces;
  readonly #identity: IdentitySource;
  readonly #clients = new Map<Address, NodeClient>();

  constructor(places: AuthorityPlaces, identity: IdentitySource) {
    this.#places = places;
    this.#identity = identity;
  }

  async *watch(signal: AbortSignal): AsyncGenerator<NodeNews, void, void> {
    const address = this.#places.current;
    const stream: ClientReadableStream<NodeNews> = this.#clientOf(address).watchEntries({});
    const cancel = (): void => stream.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const news of stream) yield news as NodeNews;
    } catch (error) {
      if (signal.aborted) return;
      const known = error instanceof GarrisonError ? error : fromServiceError(error as ServiceError);
      if (isUnreachable(known)) this.#places.leave(address);
      throw known;
    } finally {
      signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  async sign(requests: readonly EntryRequest[]): Promise<readonly SignX509Result[]> {
    const client = this.#clientOf(this.#places.current);
    const { results } = await callUnary(client.signX509.bind(client), { requests }, { timeoutMs });
    return results;
  }

  async mintJwt(entry: string, audience: readonly string[]): Promise<string> {
    const client = this.#clientOf(this.#places.current);
    const { token } = await callUnary(client.mintJwt.bind(client), { entry, audience }, { timeoutMs });
    return token;
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close();
  }

  #clientOf(ca: Address): NodeClient {
    const known = this.#clients.get(ca);
    if (known !== undefined) return known;
    const security = { kind: 'tls', identity: this.#identity, expect: isAuthority } as const;
    const client = grpcClient(NodeClient, ca, security, { 'grpc.max_receive_message_length': maxNewsBytes });
    this.#clients.set(ca, client);
    return client;
  }
}
