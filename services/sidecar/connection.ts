import type { SpiffeId } from '#ca/spiffe-id.ts';
import type { ProxiedClient } from './inbound/proxy-protocol/reading.ts';

/** What is known of an accepted connection, once and for all, before its first request is read. */
export interface Connection {
  readonly transport: 'plaintext' | 'tls';
  /** Who proved to be at the other end; undefined without a client certificate. */
  readonly peer: SpiffeId | undefined;
  /** SHA-256 of the client certificate, lower-case hex. */
  readonly fingerprint: string | undefined;
  /** Milliseconds since 1970 after which the client certificate proves nothing. */
  readonly peerExpires: number | undefined;
  /** Who is at the other end of the wire, whatever was said there. */
  readonly remote: { readonly address: string; readonly port: number };
  readonly local: { readonly address: string; readonly port: number };
  /** SNI as the client sent it. */
  readonly serverName: string | undefined;
  /** On whose behalf a trusted proxy at the other end opened it. */
  readonly proxied?: ProxiedClient | undefined;
}
