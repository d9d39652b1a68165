import type { Reply, UpstreamRequest } from '../http/port.ts';
import { sendAgain } from '../http/send-again.ts';
import { UpstreamFailure } from '../upstream-failure.ts';
import type { Balancer } from './balancer.ts';
import { WrongServer } from './connect-named.ts';
import type { Pools, UpstreamProtocol } from './pools.ts';
import type { Route, RouteEndpoint } from './route.ts';

export interface Delivery {
  readonly pools: Pools;
  readonly balancer: Balancer;
}

/** Places tried for one request before it is given up. */
const attempts = 3;

/**
 * Sends a request to the next endpoint of a service; to another one where no connection was to be had, since then nobody has
 * seen it. A server with the wrong identity ends the search: that is no outage but an intruder or a wrong document.
 */
export async function sendToService(
  { pools, balancer }: Delivery,
  route: Route,
  protocol: UpstreamProtocol,
  request: UpstreamRequest,
  onAttempt: (endpoint: RouteEndpoint) => void,
): Promise<Reply> {
  let last: UpstreamFailure | undefined;
  for (const endpoint of balancer.order(route.host, route.endpoints).slice(0, attempts)) {
    onAttempt(endpoint);
    try {
      const reply = await sendAgain(pools.clientFor(route, endpoint, protocol), request);
      balancer.succeeded(endpoint);
      return reply;
    } catch (error) {
      if (!(error instanceof UpstreamFailure) || !error.unsent || error instanceof WrongServer) throw error;
      balancer.failed(endpoint);
      last = error;
    }
  }
  throw last ?? new UpstreamFailure('UH', 'the service documents name no endpoint for it', { unsent: true });
}
