import type { Address } from '#runtime/address.ts';

/** One place where a service runs. */
export interface RouteEndpoint {
  readonly address: Address;
  /** SPIFFE IDs that a server at this place may show. */
  readonly identities: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
}

/** What the service documents say about one host and port. */
export interface Route {
  /** The service's own name, whatever alias it was asked by. */
  readonly host: string;
  readonly namespace: string;
  /** Outside of the mesh nobody has an identity of ours: plain TCP. */
  readonly external: boolean;
  readonly endpoints: readonly RouteEndpoint[];
}

export type FindRoute = (host: string, port: number | undefined) => Route | undefined;

/** `reviews:9080`, `[::1]:80`, `reviews.` as host (lower case, without a trailing dot) and port. */
export function splitHost(written: string): { host: string; port: number | undefined } {
  const parts = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(written);
  const host = (parts?.[1] ?? written)
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  const port = parts?.[2] === undefined || parts[2] === '' ? undefined : Number(parts[2]);
  return { host, port };
}
