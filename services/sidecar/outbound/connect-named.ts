import { parseSpiffeId } from '#ca/index.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { identifyPeer } from '#runtime/peer.ts';
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { connectPlain } from '../connect.ts';
import { UpstreamFailure } from '../upstream-failure.ts';
import type { RouteEndpoint } from './route.ts';

export interface NamedConnectOptions {
  readonly context: SecureContext;
  readonly own: Identity;
  /** Goes into the handshake as SNI. */
  readonly serviceHost: string;
  readonly alpn: 'http/1.1' | 'h2' | undefined;
  readonly connectMs: number;
  readonly handshakeMs: number;
}

/** The server is not who the service documents name; whatever answers there must not get the request. */
export class WrongServer extends UpstreamFailure {
  constructor(message: string, cause?: unknown) {
    super('UF', message, { unsent: true, cause });
  }
}

/** A connection, and the certificate that its server has shown. */
export interface NamedConnection {
  readonly socket: TLSSocket;
  readonly certificate: X509Certificate;
}

/** Mutual TLS to one endpoint. Resolves when the server has proven to be an identity that the registry names for it. */
export async function connectNamed(endpoint: RouteEndpoint, options: NamedConnectOptions): Promise<NamedConnection> {
  if (endpoint.identities.length === 0) {
    throw new WrongServer(
      'the service documents name no identity for this endpoint; give it a `serviceAccount`, or the service `subjectAltNames`',
    );
  }
  const raw = await connectPlain(endpoint.address, options.connectMs);
  const { alpn, serviceHost } = options;
  const socket = tlsConnect({
    socket: raw,
    secureContext: options.context,
    // Judged below: a SPIFFE ID is what is verified, not a host name, and the refusal says whom it met.
    rejectUnauthorized: false,
    // Else `authorized` would be false for want of a DNS name, although the chain is good.
    checkServerIdentity: () => undefined,
    ...(isIP(serviceHost) === 0 && !serviceHost.includes('*') ? { servername: serviceHost } : {}),
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  });
  try {
    await handshake(socket, options.handshakeMs);
    return { socket, certificate: verifyServer(socket, endpoint, options.own) };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function handshake(socket: TLSSocket, withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error(`no handshake within ${withinMs} ms`)), withinMs);
    const fail = (cause: Error): void => {
      done();
      socket.on('error', () => undefined);
      reject(new UpstreamFailure('UF', `the TLS handshake failed: ${cause.message}`, { unsent: true, cause }));
    };
    const closed = (): void => fail(new Error('the server closed the connection'));
    const done = (): void => {
      clearTimeout(timer);
      socket.off('error', fail).off('close', closed);
    };
    socket.once('error', fail).once('close', closed);
    socket.once('secureConnect', () => {
      done();
      resolve();
    });
  });
}

function verifyServer(socket: TLSSocket, endpoint: RouteEndpoint, own: Identity): X509Certificate {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new WrongServer('the server showed no certificate');
  const shown = certificate.subjectAltName ?? 'no name';
  if (!socket.authorized) {
    const why = String(socket.authorizationError);
    throw new WrongServer(
      `the server's certificate (${shown}) is not of trust domain \`${own.spiffeId.trustDomain}\`: ${why}`,
    );
  }
  let met: string;
  try {
    const id = identifyPeer(certificate, 'server', own);
    met = id.toString();
    if (id.trustDomain !== own.spiffeId.trustDomain) throw new Error(`\`${met}\` is of another trust domain`);
  } catch (cause) {
    throw new WrongServer(`the server is nobody: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (!endpoint.identities.some((id) => sameId(id, met))) {
    const named = endpoint.identities.map((id) => `\`${id}\``).join(' or ');
    throw new WrongServer(`the server is \`${met}\`, but the service documents name ${named}`);
  }
  return certificate;
}

/** Compared as parsed, so that a document's rubbish matches nobody. */
function sameId(named: string, met: string): boolean {
  try {
    return parseSpiffeId(named).toString() === met;
  } catch {
    return false;
  }
}
