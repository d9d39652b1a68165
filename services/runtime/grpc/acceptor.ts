import { GarrisonError } from '#proto/errors/index.ts';
import type { X509Certificate } from 'node:crypto';
import { type Server, type Socket, createServer, isIP } from 'node:net';
import { type TLSSocket, type Server as TlsServer, createServer as createTlsServer } from 'node:tls';
import { type Address, formatAddress, isLoopback, isUnix } from '../address.ts';
import type { IdentitySource } from '../identity-source.ts';
import { type ListenPlace, listen } from '../listen.ts';
import { LivePeers } from '../live-peers.ts';
import { LoopbackCallers } from '../loopback/loopback-callers.ts';
import type { Logger } from '../logger.ts';
import { readPeerCredentials } from '../peer-credentials.ts';
import { type Peer, identifyPeer } from '../peer.ts';
import { closedFolder } from '../socket-folder.ts';
import { keepShown } from '../shown-certificates.ts';
import { secureContextOptions } from '../tls.ts';
import { Arrivals, networkOf } from '../arrivals.ts';

export type Security =
  | { readonly kind: 'plaintext' }
  /** Plaintext over loopback TCP, for processes of this host only: the kernel says which one is calling. */
  | { readonly kind: 'loopback' }
  | {
      readonly kind: 'tls';
      readonly identity: IdentitySource;
      /** `optional` is for callers that prove themselves otherwise; who shows a certificate must show a good one. */
      readonly clientCertificate: 'require' | 'optional';
    };

export interface Acceptor {
  readonly address: Address;
  /** Takes no more connections; those that are open stay. */
  close(): void;
}

export interface AcceptorOptions {
  readonly logger: Logger;
  readonly handshakeTimeoutMs: number;
  readonly maxConnections: number;
  /** `spoke` is to be called when the peer has begun to speak. */
  readonly onConnection: (socket: Socket, peer: Peer, spoke: () => void) => void;
}

/** What a listener works with. */
interface Door extends AcceptorOptions {
  readonly arrivals: Arrivals;
}

/** Listens, learns who is there, once per connection, and hands over only connections whose peer may speak at all. */
export async function openAcceptor(
  address: Address,
  security: Security,
  place: ListenPlace,
  options: AcceptorOptions,
): Promise<Acceptor> {
  const stopping: (() => void)[] = [];
  const door = { ...options, arrivals: new Arrivals(options.maxConnections) };
  const server = serverFor(address, security, door, stopping);
  const bound = await listen(server, address, place);
  if (isUnix(bound)) warnOfClosedFolder(bound.path, place, options.logger);
  server.on('error', (error) => options.logger.error('listener failed', { error }));
  return {
    address: bound,
    close: () => {
      for (const stop of stopping) stop();
      server.close();
    },
  };
}

/** Only a warning: those who may enter are served, and the configuration may be meant for them. */
function warnOfClosedFolder(socket: string, { mode = 0o600, setting = '' }: ListenPlace, logger: Logger): void {
  const folder = closedFolder(socket, mode);
  if (folder === undefined) return;
  logger.warn('the socket is out of reach for other users, though it is meant for them', {
    socket,
    closed: folder,
    remedy:
      `name a socket outside the state folder with \`${setting}\` (\`./run/workload.sock\`), ` +
      `let others enter \`${folder}\` where that is not the state folder, or set \`${setting}Access: owner\``,
  });
}

function serverFor(address: Address, security: Security, options: Door, stopping: (() => void)[]): Server {
  if (security.kind === 'tls') return tlsServer(security, options, stopping);
  return security.kind === 'loopback' ? loopbackServer(address, options) : plainServer(address, options);
}

function loopbackServer(address: Address, options: Door): Server {
  if (isUnix(address) || isIP(address.host) === 0 || !isLoopback(address)) {
    throw new GarrisonError('INVALID_ARGUMENT', `\`${formatAddress(address)}\` is no loopback address`, {
      remedy: 'name an IP address that only this host reaches, such as `127.0.0.1`',
    });
  }
  const callers = new LoopbackCallers();
  return createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    if (!takePlace(socket, options, networkOf(socket.remoteAddress ?? 'gone'))) return;
    const refuse = (error: unknown): void => accept(socket, options, () => raise(error));
    callers.identify(socket).then((unix) => accept(socket, options, () => ({ ...tcpPeer(socket), unix })), refuse);
  });
}

function plainServer(address: Address, options: Door): Server {
  return createServer({ noDelay: true }, (socket) => {
    accept(socket, options, () => {
      const peer = isUnix(address) ? unixPeer(socket, address.path) : tcpPeer(socket);
      return takePlace(socket, options, whoIs(peer)) ? peer : undefined;
    });
  });
}

function tlsServer(security: Extract<Security, { kind: 'tls' }>, options: Door, stopping: (() => void)[]): TlsServer {
  const { identity, clientCertificate } = security;
  const live = new LivePeers(identity, ({ subjectAltName }, reason) => {
    options.logger.warn('connection ended', { reason, peer: subjectAltName });
  });
  const fixed = { ALPNProtocols: ['h2'], requestCert: true, rejectUnauthorized: false, noDelay: true };
  const server = createTlsServer(
    { ...secureContextOptions(identity.current()), ...fixed, handshakeTimeout: options.handshakeTimeoutMs },
    (socket) => {
      live.arrived(socket);
      accept(socket, options, () => {
        const peer = tlsPeer(socket, shownBy(socket), identity, clientCertificate === 'require');
        if (peer.certificate !== undefined) live.add(socket, peer.certificate);
        return peer;
      });
    },
  );
  const shownBy = keepShown(server);
  server.prependListener('connection', (socket: Socket) => {
    if (takePlace(socket, options, networkOf(socket.remoteAddress ?? 'gone'))) live.arriving(socket);
  });
  server.on('tlsClientError', (error, socket) => {
    options.logger.info('connection refused', { reason: error.message, from: socket.remoteAddress ?? 'gone' });
    socket.destroy();
  });
  stopping.push(
    identity.onChange((next) => server.setSecureContext(secureContextOptions(next))),
    () => live[Symbol.dispose](),
  );
  return server;
}

function accept(socket: Socket, options: Door, identify: () => Peer | undefined): void {
  socket.on('error', () => undefined);
  try {
    const peer = identify();
    if (peer !== undefined) options.onConnection(socket, peer, () => options.arrivals.spoke(socket));
  } catch (error) {
    options.logger.warn('connection refused', {
      reason: error instanceof GarrisonError ? error.describe() : error,
      from: socket.remoteAddress ?? 'unix',
    });
    socket.destroy();
  }
}

/** Whether there is a place for it; else it is closed. */
function takePlace(socket: Socket, { arrivals, logger }: Door, who: string): boolean {
  const reason = arrivals.arrived(socket, who);
  if (reason !== undefined) logger.debug('connection refused', { reason });
  return reason === undefined;
}

/** Whose places they are: an address's, or on this host a user's. */
function whoIs({ address, unix }: Peer): string {
  return unix === undefined ? networkOf(address) : `uid ${unix.uid}`;
}

function raise(error: unknown): never {
  throw error;
}

function tlsPeer(
  socket: TLSSocket,
  certificate: X509Certificate | undefined,
  identity: IdentitySource,
  required: boolean,
): Peer {
  if (socket.alpnProtocol !== 'h2')
    throw new GarrisonError('INVALID_ARGUMENT', 'the client does not offer HTTP/2 by ALPN');
  if (certificate === undefined) {
    if (required) throw new GarrisonError('UNAUTHENTICATED', 'the client shows no certificate');
    return tcpPeer(socket);
  }
  // We ask for authorization ourselves instead of by `rejectUnauthorized`, which closes the connection without a reason.
  if (!socket.authorized) {
    const why = String(socket.authorizationError);
    throw new GarrisonError('UNAUTHENTICATED', `the certificate does not verify against the trust bundle: ${why}`);
  }
  const spiffeId = identifyPeer(certificate, 'client', identity.current());
  const { trustDomain } = identity.current().spiffeId;
  // The bundle is this trust domain's: what it signs for another one is worth nothing (SPIFFE X509-SVID §5.2).
  if (spiffeId.trustDomain !== trustDomain) {
    throw new GarrisonError(
      'UNAUTHENTICATED',
      `\`${spiffeId.toString()}\` is not of the trust domain \`${trustDomain}\``,
    );
  }
  return { ...tcpPeer(socket), spiffeId, certificate };
}

function tcpPeer(socket: Socket): Peer {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined || remotePort === undefined) {
    throw new GarrisonError('CANCELLED', 'the connection closed before its peer was known');
  }
  const address = /^::ffff:([0-9.]+)$/.exec(remoteAddress)?.[1] ?? remoteAddress;
  return { spiffeId: undefined, certificate: undefined, address, port: remotePort, unix: undefined };
}

function unixPeer(socket: Socket, path: string): Peer {
  const unix = process.platform === 'linux' ? readPeerCredentials(socket) : undefined;
  return { spiffeId: undefined, certificate: undefined, address: path, port: 0, unix };
}
