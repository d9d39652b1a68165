export interface End {
  readonly address: string;
  readonly port: number;
}

/** On whose behalf a proxy opened a connection. */
export interface ProxiedClient {
  /** Undefined where the proxy says that there is a client and not at which IP address. */
  readonly source: End | undefined;
  /** Where the client connected to. */
  readonly destination: End | undefined;
}

export type HeaderReading =
  /** So far it is right, and it goes on. */
  | { readonly kind: 'more' }
  | { readonly kind: 'fault'; readonly reason: string }
  /** `client` is `proxy` where the proxy speaks for itself: a health check. */
  | { readonly kind: 'header'; readonly length: number; readonly client: ProxiedClient | 'proxy' };

export function fault(reason: string): HeaderReading {
  return { kind: 'fault', reason };
}

export const more: HeaderReading = { kind: 'more' };
