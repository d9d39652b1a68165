import type { SpiffeId } from '#ca/spiffe-id.ts';

/** What is known of an accepted connection, once and for all, before its first request is read. */
export interface Connection {
  readonly transport: 'plaintext' | 'tls';
  /** Who proved to be at the other end; undefined without a client certificate. */
  readonly peer: SpiffeId | undefined;
  /** SHA-256 of the client certificate, lower-case hex. */
  readonly fingerprint: string | undefined;
  /** Milliseconds since 1970 after which the client certificate proves nothing. */
  readonly peerExpires: number | undefined;
  readonly remote: { readonly address: string; readonly port: number };
  readonly local: { readonly address: string; readonly port: number };
  /** SNI as the client sent it. */
  readonly serverName: string | undefined;
}
