import type { Address } from '#runtime/address.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import { listen } from '#runtime/listen.ts';
import { LivePeers } from '#runtime/live-peers.ts';
import { keepShown, type ShownBy } from '#runtime/shown-certificates.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import { type Server, type Socket, createServer } from 'node:net';
import { type TLSSocket, type Server as TlsServer, createServer as createTlsServer } from 'node:tls';
import type { Connection } from '../connection.ts';
import type { Limits } from '../limits.ts';
import { firstBytes, isTls } from './first-bytes.ts';
import { claimedName, identifyClient } from './identify-client.ts';
import { looksProxied } from './proxy-protocol/header.ts';
import { ProxiedConnections } from './proxy-protocol/proxied-connections.ts';
import type { RefusedConnection } from './refusal.ts';
import { type Wire, sniff } from './sniff.ts';

export type MtlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';
export type Protocol = 'auto' | 'http' | 'grpc' | 'tcp';

export interface InboundListenerOptions {
  readonly protocol: Protocol;
  /** Asked for every connection; undefined while no revision is in force, and then nobody gets in. */
  readonly mode: () => MtlsMode | undefined;
  readonly identity: IdentitySource;
  readonly limits: Limits;
  /** Peers, by address or block, that must say with a PROXY header on whose behalf they connect. */
  readonly proxies: readonly string[] | undefined;
  /** `silent`: the client has said nothing yet, and what it speaks shows when it or the application does. */
  readonly onConnection: (socket: Socket, connection: Connection, wire: Wire | 'silent') => void;
  readonly onRefused: (refused: RefusedConnection) => void;
  /** A connection that was let in and whose client has lost its identity since; its names, and why. */
  readonly onEnded: (names: string | undefined, reason: string) => void;
}

/** How long a client may keep silent before its protocol is taken for one where the server speaks first. */
const serverFirstMs = 3_000;

/** One inbound port: lets a connection in by the mode of the port and the identity of its client, or refuses it. */
export class InboundListener implements Disposable {
  readonly #options: InboundListenerOptions;
  readonly #server: Server;
  readonly #tls: TlsServer;
  readonly #proxied: ProxiedConnections | undefined;
  readonly #live: LivePeers;
  readonly #shownBy: ShownBy;
  readonly #stop: () => void;

  constructor(options: InboundListenerOptions) {
    this.#options = options;
    this.#proxied = options.proxies && new ProxiedConnections(options.proxies, options.limits.handshakeMs);
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => void this.#arrive(socket));
    this.#server.maxConnections = 10_000;
    this.#tls = createTlsServer({
      ...secureContextOptions(options.identity.current()),
      requestCert: true,
      // Judged by identifyClient, so that a refusal can be told with its reason.
      rejectUnauthorized: false,
      handshakeTimeout: options.limits.handshakeMs,
      ...alpnFor(options.protocol),
    });
    this.#shownBy = keepShown(this.#tls);
    this.#tls.on('secureConnection', (socket) => void this.#welcome(socket));
    this.#tls.on('tlsClientError', (error: Error, socket: TLSSocket) => {
      this.#refuse(socket, 'tls', `the handshake failed: ${error.message}`);
    });
    this.#live = new LivePeers(options.identity, ({ subjectAltName }, reason) =>
      options.onEnded(subjectAltName, reason),
    );
    this.#stop = options.identity.onChange((identity) => this.#tls.setSecureContext(secureContextOptions(identity)));
  }

  listen(address: Address, setting: string): Promise<Address> {
    return listen(this.#server, address, { setting });
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#live[Symbol.dispose]();
    this.#server.close();
  }

  async #arrive(socket: Socket): Promise<void> {
    socket.on('error', () => undefined);
    const { mode: modeNow, protocol, limits } = this.#options;
    const mode = modeNow();
    if (mode === undefined) {
      this.#refuse(socket, 'plaintext', 'no policy revision is in force yet');
      return;
    }
    const refusal = await this.#proxied?.arrive(socket);
    if (refusal !== undefined) {
      if (refusal === 'closed') socket.destroy();
      else this.#refuse(socket, 'plaintext', refusal.reason);
      return;
    }
    if (mode === 'DISABLE' && protocol === 'tcp') {
      this.#options.onConnection(socket, this.#plaintext(socket), 'tcp');
      return;
    }
    const patience = mode === 'PERMISSIVE' && protocol === 'tcp' ? serverFirstMs : limits.handshakeMs;
    const bytes = await firstBytes(socket, patience);
    if (bytes === 'closed') {
      socket.destroy();
    } else if (bytes === 'silent') {
      if (mode === 'PERMISSIVE' && protocol === 'tcp')
        this.#options.onConnection(socket, this.#plaintext(socket), 'tcp');
      else this.#refuse(socket, 'plaintext', 'no byte came in time');
    } else if (this.#proxied !== undefined && looksProxied(bytes)) {
      this.#refuse(socket, 'plaintext', 'a PROXY header that nobody asked for');
    } else if (mode !== 'DISABLE' && isTls(bytes)) {
      this.#live.arriving(socket);
      this.#tls.emit('connection', socket);
    } else if (mode === 'STRICT') {
      this.#refuse(socket, 'plaintext', 'plaintext where PeerAuthentication asks for mutual TLS');
    } else if (mode === 'DISABLE' && isTls(bytes) && protocol !== 'auto') {
      this.#refuse(socket, 'plaintext', 'TLS where PeerAuthentication disables it');
    } else {
      await this.#pass(socket, this.#plaintext(socket));
    }
  }

  async #welcome(socket: TLSSocket): Promise<void> {
    socket.on('error', () => undefined);
    this.#live.arrived(socket);
    const connection = this.#secured(socket);
    if (connection !== undefined) await this.#pass(socket, connection);
  }

  async #pass(socket: Socket | TLSSocket, connection: Connection): Promise<void> {
    const { protocol, onConnection } = this.#options;
    const agreed = protocol === 'auto' ? agreedIn(socket) : wireOf(protocol);
    if (agreed !== undefined) {
      onConnection(socket, connection, agreed);
      return;
    }
    const bytes = await firstBytes(socket, serverFirstMs, (some) => sniff(some) !== undefined);
    if (bytes === 'closed') socket.destroy();
    else onConnection(socket, connection, bytes === 'silent' ? 'silent' : (sniff(bytes) ?? 'http1'));
  }

  /** The connection, if its client is somebody who may open one; else it is refused and undefined comes back. */
  #secured(socket: TLSSocket): Connection | undefined {
    const { identity, mode } = this.#options;
    try {
      if (this.#proxied?.knows(socket) === false) {
        this.#refuse(socket, 'tls', 'the connection ended during its handshake');
        return undefined;
      }
      const client = identifyClient(socket, this.#shownBy(socket), identity.current());
      // The mode is asked again: it may have become stricter during the handshake.
      if (client === undefined && mode() !== 'PERMISSIVE') {
        this.#refuse(socket, 'tls', 'no client certificate where PeerAuthentication asks for one');
        return undefined;
      }
      if (client !== undefined) this.#live.add(socket, client.certificate);
      return {
        ...this.#ends(socket),
        transport: 'tls',
        peer: client?.id,
        fingerprint: client?.certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
        peerExpires: client?.certificate.validToDate.getTime(),
        serverName: nameOf(socket),
      };
    } catch (error) {
      this.#refuse(socket, 'tls', error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #plaintext(socket: Socket): Connection {
    const nobody = { peer: undefined, fingerprint: undefined, peerExpires: undefined, serverName: undefined };
    return { ...this.#ends(socket), ...nobody, transport: 'plaintext' };
  }

  #ends(socket: Socket): Pick<Connection, 'remote' | 'local' | 'proxied'> {
    const proxied = this.#proxied?.of(socket);
    return {
      remote: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
      local: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
      ...(proxied === undefined ? {} : { proxied }),
    };
  }

  #refuse(socket: Socket | TLSSocket, transport: 'plaintext' | 'tls', reason: string): void {
    const shown = transport === 'tls' ? (socket as TLSSocket) : undefined;
    const claimed = shown === undefined ? undefined : claimedName(shown);
    this.#options.onRefused({ ...this.#ends(socket), transport, reason, claimed, serverName: shown && nameOf(shown) });
    socket.destroy();
  }
}

/** What a client has named in its handshake it is held to. */
function agreedIn(socket: Socket | TLSSocket): Wire | undefined {
  const agreed = 'alpnProtocol' in socket ? socket.alpnProtocol : undefined;
  return agreed === 'h2' ? 'h2' : agreed === 'http/1.1' ? 'http1' : undefined;
}

function wireOf(protocol: Exclude<Protocol, 'auto'>): Wire {
  switch (protocol) {
    case 'tcp':
      return 'tcp';
    case 'http':
      return 'http1';
    case 'grpc':
      return 'h2';
    default:
      return protocol satisfies never;
  }
}

function alpnFor(protocol: Protocol): { ALPNProtocols?: string[] } {
  switch (protocol) {
    case 'http':
      return { ALPNProtocols: ['http/1.1'] };
    case 'grpc':
      return { ALPNProtocols: ['h2'] };
    case 'auto':
      return { ALPNProtocols: ['h2', 'http/1.1'] };
    case 'tcp':
      return {};
    default:
      return protocol satisfies never;
  }
}

function nameOf(socket: TLSSocket): string | undefined {
  const name = (socket as { servername?: string | false | null }).servername;
  return typeof name === 'string' && name !== '' ? name : undefined;
}
