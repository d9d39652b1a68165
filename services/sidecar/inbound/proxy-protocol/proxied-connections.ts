import type { Socket } from 'node:net';
import type { ProxiedClient } from './reading.ts';
import { receiveHeader } from './receive-header.ts';
import { TrustedProxies } from './trusted-proxies.ts';

/** What the proxies before a listener said of the connections that are open now. */
export class ProxiedConnections {
  readonly #proxies: TrustedProxies;
  readonly #withinMs: number;
  readonly #clients = new Map<string, ProxiedClient | 'proxy'>();

  constructor(from: readonly string[], withinMs: number) {
    this.#proxies = new TrustedProxies(from);
    this.#withinMs = withinMs;
  }

  /** Takes off the header that a proxy must send; peers that are no proxies are left alone. Undefined: go on. */
  async arrive(socket: Socket): Promise<'closed' | { readonly reason: string } | undefined> {
    if (!this.#proxies.includes(socket.remoteAddress ?? '')) return undefined;
    const received = await receiveHeader(socket, this.#withinMs);
    if (received.kind === 'refused') return received.reason === undefined ? 'closed' : { reason: received.reason };
    const key = keyOf(socket);
    if (key === undefined || socket.destroyed) return 'closed';
    this.#clients.set(key, received.client);
    socket.once('close', () => this.#clients.delete(key));
    return undefined;
  }

  /** The client behind a proxy; undefined where the peer speaks for itself. */
  of(socket: Socket): ProxiedClient | undefined {
    const client = this.#clients.get(keyOf(socket) ?? '');
    return client === 'proxy' ? undefined : client;
  }

  /** Whether `of` can be believed: false of a proxy's connection whose header nobody remembers. */
  knows(socket: Socket): boolean {
    const key = keyOf(socket);
    if (key === undefined) return false;
    return this.#clients.has(key) || !this.#proxies.includes(socket.remoteAddress ?? '');
  }
}

/** A TLS socket does not tell which socket it was made from, but both have the same ends, which no third one has. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return [remoteAddress, remotePort, localAddress, localPort].join(' ');
}
