import type { SpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { ChannelCredentials, type ChannelOptions, type Client, type ClientOptions } from '@grpc/grpc-js';
import { X509Certificate } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import { type PeerCertificate, createSecureContext } from 'node:tls';
import { type Address, isUnix } from '../address.ts';
import type { IdentitySource } from '../identity-source.ts';
import { lostTrust } from '../live-peers.ts';
import { identifyPeer } from '../peer.ts';
import { shownByServer } from '../shown-certificates.ts';
import { secureContextOptions } from '../tls.ts';
import { RotatingChannel } from './rotating-channel.ts';

export type ClientSecurity =
  | { readonly kind: 'plaintext' }
  | {
      readonly kind: 'tls';
      /** Shown to the server, and followed when it changes. */
      readonly identity?: IdentitySource | undefined;
      /** The identity only says whom to believe, and is not shown: the server is not to judge it. */
      readonly anonymous?: boolean | undefined;
      /** PEM roots, for a caller that has no identity yet; with an identity its own bundle is used. */
      readonly bundle?: readonly string[] | undefined;
      /** Whether this is the server that is meant. Names and addresses prove nothing here: only its SPIFFE ID does. */
      readonly expect: (id: SpiffeId) => boolean;
    };

export type ClientConstructor<C extends Client> = new (
  address: string,
  credentials: ChannelCredentials,
  options?: Partial<ClientOptions>,
) => C;

type Servers = Map<string, readonly X509Certificate[]>;

const channelOptions: ChannelOptions = {
  'grpc.enable_http_proxy': 0,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 3000,
  // A rotated identity must not meet its predecessor's connections in the shared pool.
  'grpc.use_local_subchannel_pool': 1,
};

/** A client whose `close` ends everything it holds. */
export function grpcClient<C extends Client>(
  Client: ClientConstructor<C>,
  address: Address,
  security: ClientSecurity,
  options: ChannelOptions = {},
): C {
  const target = targetOf(address);
  if (security.kind === 'plaintext') {
    return new Client(target, ChannelCredentials.createInsecure(), { ...channelOptions, ...options });
  }
  // The name is for TLS alone, which refuses an address as a server name; it is not what is verified.
  const merged = { ...channelOptions, 'grpc.ssl_target_name_override': 'localhost', ...options };
  const servers: Servers = new Map();
  const credentials = (): ChannelCredentials => credentialsFor(security, servers);
  const channel = new RotatingChannel(target, credentials(), merged);
  let trust = security.identity?.current();
  const stop = security.identity?.onChange((next) => {
    const judge = trust && lostTrust(trust, next)?.judge;
    trust = next;
    channel.replaceCredentials(credentials());
    const reason = judge && [...servers.values()].map(judge).find((why) => why !== undefined);
    if (reason === undefined) return;
    servers.clear();
    channel.endStreams(`the server lost its identity: ${reason}`);
  });
  const client = new Client(target, ChannelCredentials.createInsecure(), { channelOverride: channel });
  const close = client.close.bind(client);
  client.close = () => {
    stop?.();
    close();
  };
  return client;
}

/** Servers that were believed, with what they showed, are noted by their fingerprint: a few, since they renew seldom. */
function credentialsFor(security: Extract<ClientSecurity, { kind: 'tls' }>, servers: Servers): ChannelCredentials {
  const { identity, bundle, anonymous = false, expect } = security;
  const own = identity?.current();
  const roots = own?.bundle ?? bundle ?? [];
  if (roots.length === 0) throw new GarrisonError('FAILED_PRECONDITION', 'there is no root to verify the server with');
  const context = createSecureContext(secureContextOptions(own === undefined || anonymous ? { bundle: roots } : own));
  const checkServerIdentity = (_host: string, peer: PeerCertificate): Error | undefined => {
    try {
      const shown = shownByServer(peer);
      const id = identifyPeer(new X509Certificate(peer.raw), 'server', own, shown);
      if (own !== undefined && id.trustDomain !== own.spiffeId.trustDomain) throw stranger(id);
      if (!expect(id)) return stranger(id);
      note(shown, servers);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  return ChannelCredentials.createFromSecureContext(context, { checkServerIdentity });
}

const noted = 16;

function note(shown: readonly X509Certificate[], servers: Servers): void {
  servers.set(shown[0]?.fingerprint256 ?? '', shown);
  const [oldest] = servers.keys();
  if (servers.size > noted && oldest !== undefined) servers.delete(oldest);
}

function stranger(id: SpiffeId): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', `the server is \`${id.toString()}\`, which is not the one expected`);
}

function targetOf(address: Address): string {
  if (isUnix(address)) return `unix:${address.path}`;
  if (isIPv4(address.host)) return `ipv4:${address.host}:${address.port}`;
  return isIPv6(address.host) ? `ipv6:[${address.host}]:${address.port}` : `dns:${address.host}:${address.port}`;
}
