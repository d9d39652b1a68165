import { formatAddress } from '#runtime/address.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import { LivePeers } from '#runtime/live-peers.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import type { Duplex } from 'node:stream';
import { type SecureContext, createSecureContext } from 'node:tls';
import { connectPlain } from '../connect.ts';
import { H2Client } from '../http/h2-client.ts';
import { NodeHttpClient } from '../http/node-client.ts';
import type { HttpClientPort } from '../http/port.ts';
import type { Limits } from '../limits.ts';
import { connectNamed } from './connect-named.ts';
import type { Route, RouteEndpoint } from './route.ts';

export type UpstreamProtocol = 'http/1.1' | 'h2';

/**
 * Kept connections by endpoint and the identities its server may show. A renewed identity retires all of them: connections
 * in use finish, new ones are made with the new certificate, so no server ever sees one that has run out.
 */
export class Pools implements Disposable {
  readonly #identity: IdentitySource;
  readonly #limits: Limits;
  readonly #clients = new Map<string, HttpClientPort>();
  readonly #live: LivePeers;
  readonly #stop: () => void;
  #context: SecureContext;

  constructor(
    identity: IdentitySource,
    limits: Limits,
    onEnded: (names: string | undefined, reason: string) => void = () => undefined,
  ) {
    this.#identity = identity;
    this.#limits = limits;
    this.#context = createSecureContext(secureContextOptions(identity.current()));
    this.#live = new LivePeers(identity, ({ subjectAltName }, reason) => onEnded(subjectAltName, reason));
    this.#stop = identity.onChange((next) => {
      this.#context = createSecureContext(secureContextOptions(next));
      this.retireAll();
    });
  }

  clientFor(route: Route, endpoint: RouteEndpoint, protocol: UpstreamProtocol): HttpClientPort {
    const key = [
      protocol,
      route.external ? 'plain' : route.host,
      formatAddress(endpoint.address),
      ...endpoint.identities,
    ].join(' ');
    let client = this.#clients.get(key);
    if (client === undefined) {
      const open = (): Promise<Duplex> => this.open(route, endpoint, protocol);
      const { idleMs, headerBytes } = this.#limits;
      client =
        protocol === 'h2'
          ? new H2Client({ open, idleMs })
          : // Shorter than what the other sidecar keeps, so that it is not the one to close first.
            new NodeHttpClient({
              open,
              idleMs,
              keepAliveMs: this.#limits.keepAliveMs * 0.8,
              maxHeaderBytes: headerBytes,
            });
      this.#clients.set(key, client);
    }
    return client;
  }

  /** A connection of its own, ready to be written to. */
  async open(route: Route, endpoint: RouteEndpoint, alpn: UpstreamProtocol | undefined): Promise<Duplex> {
    const { connectMs, handshakeMs } = this.#limits;
    if (route.external) return connectPlain(endpoint.address, connectMs);
    const own = this.#identity.current();
    const { socket, certificate } = await connectNamed(endpoint, {
      context: this.#context,
      own,
      serviceHost: route.host,
      alpn,
      connectMs,
      handshakeMs,
    });
    const { bundle, revoked, refused } = this.#identity.current();
    if (bundle !== own.bundle || revoked !== own.revoked || refused !== own.refused) {
      // What the server proved, it proved to somebody who has changed its mind about whom to believe.
      socket.destroy();
      return this.open(route, endpoint, alpn);
    }
    this.#live.add(socket, certificate);
    return socket;
  }

  retireAll(): void {
    for (const client of this.#clients.values()) client.retire();
    this.#clients.clear();
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#live[Symbol.dispose]();
    this.retireAll();
  }
}
