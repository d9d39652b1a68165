import type { ProxiedClient } from './proxy-protocol/reading.ts';

/** A connection that was not let in, and why; one sentence for the audit. */
export interface RefusedConnection {
  readonly reason: string;
  readonly transport: 'plaintext' | 'tls';
  readonly remote: { readonly address: string; readonly port: number };
  readonly local: { readonly address: string; readonly port: number };
  readonly proxied?: ProxiedClient | undefined;
  /** The name in a certificate that was shown but not believed. */
  readonly claimed: string | undefined;
  readonly serverName: string | undefined;
}
