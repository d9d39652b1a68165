import type { Address } from '#runtime/address.ts';
import { listen } from '#runtime/listen.ts';
import { type Server, type Socket, createServer } from 'node:net';
import type { Connection } from '../connection.ts';
import { firstBytes } from '../inbound/first-bytes.ts';
import { sniff } from '../inbound/sniff.ts';
import type { Limits } from '../limits.ts';

export interface OutboundListenerOptions {
  readonly limits: Limits;
  /** False while no revision is in force: then nobody knows where anything is. */
  readonly ready: () => boolean;
  readonly onConnection: (socket: Socket, connection: Connection, wire: 'http1' | 'h2') => void;
}

/** Where the application hands over what it sends: plain HTTP on loopback. */
export class OutboundListener implements Disposable {
  readonly #options: OutboundListenerOptions;
  readonly #server: Server;

  constructor(options: OutboundListenerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => void this.#arrive(socket));
    this.#server.maxConnections = 10_000;
  }

  listen(address: Address): Promise<Address> {
    return listen(this.#server, address, { setting: 'outbound.listen' });
  }

  [Symbol.dispose](): void {
    this.#server.close();
  }

  async #arrive(socket: Socket): Promise<void> {
    socket.on('error', () => undefined);
    const { ready, limits } = this.#options;
    const bytes = ready() ? await firstBytes(socket, limits.idleMs, (some) => sniff(some) !== undefined) : 'closed';
    if (typeof bytes === 'string') {
      socket.destroy();
      return;
    }
    const connection: Connection = {
      transport: 'plaintext',
      peer: undefined,
      fingerprint: undefined,
      peerExpires: undefined,
      serverName: undefined,
      remote: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
      local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
    };
    this.#options.onConnection(socket, connection, sniff(bytes) === 'h2' ? 'h2' : 'http1');
  }
}
