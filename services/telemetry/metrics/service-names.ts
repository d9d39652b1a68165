const unknown = 'unknown';
const portSuffix = /:\d{1,5}$/;
const kubernetesName = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/;

/** `reviews.default.svc.cluster.local` is service `reviews` of `default`; any other host is a service by its whole name. */
export function serviceNames(
  host: string | undefined,
  destinationNamespace: string | undefined,
): { host: string; name: string; namespace: string } {
  if (host === undefined) return { host: unknown, name: unknown, namespace: destinationNamespace ?? unknown };
  const named = kubernetesName.exec(host);
  return {
    host,
    name: named?.[1] ?? host,
    namespace: named?.[2] ?? destinationNamespace ?? unknown,
  };
}

/**
 * Istio counts a request without a known service to its Host header, which any caller may choose.
 * The first so many hosts are believed; later ones are `unknown`, so that nobody can fill the series with names.
 */
export class HostFallback {
  readonly #hosts = new Set<string>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  serviceOf(header: string): string | undefined {
    const host = header.replace(portSuffix, '').toLowerCase();
    if (this.#hosts.has(host)) return host;
    if (this.#hosts.size >= this.#limit || host.length > 253) return undefined;
    this.#hosts.add(host);
    return host;
  }
}
