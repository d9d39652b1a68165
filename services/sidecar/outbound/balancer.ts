import type { Clock } from '#runtime/clock.ts';
import { formatAddress } from '#runtime/address.ts';
import type { RouteEndpoint } from './route.ts';

/** Envoy's base ejection time, shorter: what is ejected here could not even be connected to, and that is cheap to try again. */
const ejectionMs = 5_000;
const longestMs = 60_000;

interface Health {
  failures: number;
  until: number;
}

/** Takes endpoints in turn and leaves out for a while those that could not be connected to. */
export class Balancer {
  readonly #clock: Clock;
  readonly #turns = new Map<string, number>();
  readonly #health = new Map<string, Health>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The endpoints in the order to try them in. When all are out, all are tried: a guess must not be an outage. */
  order(service: string, endpoints: readonly RouteEndpoint[]): RouteEndpoint[] {
    const turn = this.#turns.get(service) ?? 0;
    this.#turns.set(service, (turn + 1) % Number.MAX_SAFE_INTEGER);
    const start = endpoints.length === 0 ? 0 : turn % endpoints.length;
    const rotated = [...endpoints.slice(start), ...endpoints.slice(0, start)];
    const now = this.#clock.monotonicMs();
    const live = rotated.filter((endpoint) => (this.#health.get(keyOf(endpoint))?.until ?? 0) <= now);
    return live.length === 0 ? rotated : live;
  }

  failed(endpoint: RouteEndpoint): void {
    const key = keyOf(endpoint);
    const failures = (this.#health.get(key)?.failures ?? 0) + 1;
    const pause = Math.min(ejectionMs * 2 ** (failures - 1), longestMs);
    this.#health.set(key, { failures, until: this.#clock.monotonicMs() + pause });
  }

  succeeded(endpoint: RouteEndpoint): void {
    if (this.#health.size > 0) this.#health.delete(keyOf(endpoint));
  }

  /** Forgets services and endpoints that are no more, when a new revision is in force. */
  reset(): void {
    this.#turns.clear();
    this.#health.clear();
  }
}

function keyOf({ address }: RouteEndpoint): string {
  return formatAddress(address);
}
