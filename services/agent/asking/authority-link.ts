import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { GarrisonError } from '#proto/errors/index.ts';
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

/** Over mTLS with the node's identity, followed when that changes. */
export class GrpcAuthorityLink implements AuthorityLink, Disposable {
  readonly #client: NodeClient;

  constructor(ca: Address, identity: IdentitySource) {
    const security = { kind: 'tls', identity, expect: isAuthority } as const;
    this.#client = grpcClient(NodeClient, ca, security, { 'grpc.max_receive_message_length': maxNewsBytes });
  }

  async *watch(signal: AbortSignal): AsyncGenerator<NodeNews, void, void> {
    const stream: ClientReadableStream<NodeNews> = this.#client.watchEntries({});
    const cancel = (): void => stream.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const news of stream) yield news as NodeNews;
    } catch (error) {
      if (signal.aborted) return;
      throw error instanceof GarrisonError ? error : fromServiceError(error as ServiceError);
    } finally {
      signal.removeEventListener('abort', cancel);
      stream.cancel();
    }
  }

  async sign(requests: readonly EntryRequest[]): Promise<readonly SignX509Result[]> {
    const { results } = await callUnary(this.#client.signX509.bind(this.#client), { requests }, { timeoutMs });
    return results;
  }

  async mintJwt(entry: string, audience: readonly string[]): Promise<string> {
    const { token } = await callUnary(this.#client.mintJwt.bind(this.#client), { entry, audience }, { timeoutMs });
    return token;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
