import { randomUUID } from 'node:crypto';
import type {
  ConnectionOptions,
  DetailedPeerCertificate,
  SecureContextOptions,
  Server,
  TLSSocket,
  TlsOptions,
} from 'node:tls';
import type { SpiffeId } from '#ca/spiffe-id.ts';
import { asGarrisonError, type GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import type { Authorizer } from './authorizers.ts';
import { chainOf, verifyPeer } from './verify-peer.ts';
import type { X509Context, X509Svid } from './x509-context.ts';

/** What is true at this moment, and how to hear of changes. */
export interface CurrentIdentity {
  readonly svid: X509Svid;
  readonly bundles: X509Context['bundles'];
  /** Grows with every change. */
  readonly revision: number;
}

/** Whether a connection was refused, and why. */
export type OnRefused = (error: GarrisonError) => void;

const peers = new WeakMap<TLSSocket, SpiffeId>();

/** Who is at the other end of a connection that a guarded server has accepted. */
export function peerOf(socket: unknown): SpiffeId | undefined {
  return typeof socket === 'object' && socket !== null ? peers.get(socket as TLSSocket) : undefined;
}

/** For a server that is not guarded yet: it asks for certificates and believes none. */
export function serverOptions({ svid }: CurrentIdentity): TlsOptions {
  return { ...context(svid, []), requestCert: true, rejectUnauthorized: true };
}

/** What OpenSSL checks a chain against: every root that counts anywhere. Where it counts is checked after that. */
export function serverContext({ svid, bundles }: CurrentIdentity): SecureContextOptions {
  return context(svid, [...bundles.values()].flat().map(String));
}

/**
 * Lets only those connections through to the server's own listeners that `authorize` accepts. There is no hook for it in
 * the options of a TLS server, and a listener among others would come too late for those that were there before it.
 */
export function guardConnections(
  server: Server,
  current: () => CurrentIdentity,
  authorize: Authorizer,
  clock: Clock,
  onRefused: OnRefused,
): void {
  const shown = keepChains(server);
  const emit = server.emit.bind(server) as (event: string | symbol, ...args: unknown[]) => boolean;
  const guarded = (event: string | symbol, ...args: unknown[]): boolean => {
    if (event !== 'secureConnection') return emit(event, ...args);
    const socket = args[0] as TLSSocket;
    try {
      const chain = shown.get(socket) ?? chainOf(socket.getPeerCertificate(true));
      peers.set(socket, verifyPeer(chain, 'client', current(), authorize, clock.now()));
    } catch (error) {
      socket.destroy();
      onRefused(asGarrisonError(error));
      return true;
    }
    return emit(event, ...args);
  };
  Object.defineProperty(server, 'emit', { value: guarded, configurable: true, writable: true });
}

/**
 * The chains that clients show, kept before the server itself looks: in some releases of Node its own first look at the
 * certificate loses what stands above the leaf (nodejs/node#65579), and without that it cannot be told which trust domain
 * a client's authority belongs to. The event is the only public one that tells of a socket so early.
 */
function keepChains(server: Server): WeakMap<TLSSocket, Buffer[]> {
  const shown = new WeakMap<TLSSocket, Buffer[]>();
  const known = new WeakSet<TLSSocket>();
  server.on('keylog', (_secrets, socket) => {
    if (known.has(socket)) return;
    known.add(socket);
    socket.prependOnceListener('secure', () => shown.set(socket, chainOf(socket.getPeerCertificate(true))));
  });
  return shown;
}

/**
 * Options for `tls.connect`, `https.request`, `http2.connect`: read anew at every connection, so that they follow the
 * identity. Connections are kept apart from those with another authorizer, or of another moment: who pools them (as
 * https.Agent does) would else hand one out that was checked for somebody else.
 */
export function clientOptions(current: () => CurrentIdentity, authorize: Authorizer, clock: Clock): ConnectionOptions {
  const pool = randomUUID();
  let made: { readonly revision: number; readonly context: SecureContextOptions } | undefined;
  const fresh = (): SecureContextOptions => {
    const now = current();
    if (made?.revision !== now.revision) made = { revision: now.revision, context: serverContext(now) };
    return made.context;
  };
  const { minVersion, maxVersion, ecdhCurve, secureOptions } = fresh();
  return {
    minVersion,
    maxVersion,
    ecdhCurve,
    secureOptions,
    rejectUnauthorized: true,
    get ca() {
      return fresh().ca;
    },
    get cert() {
      return fresh().cert;
    },
    get key() {
      return fresh().key;
    },
    get sessionIdContext() {
      return `${pool}/${current().revision}`.slice(-32);
    },
    checkServerIdentity: (_name, shown) => {
      try {
        verifyPeer(chainOf(shown as DetailedPeerCertificate), 'server', current(), authorize, clock.now());
        return undefined;
      } catch (error) {
        return asGarrisonError(error);
      }
    },
  };
}

function context({ certificates, privateKey }: X509Svid, bundle: readonly string[]): SecureContextOptions {
  return secureContextOptions({
    certificates: certificates.map(String),
    privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    bundle,
  });
}
