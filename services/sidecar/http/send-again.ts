import { UpstreamFailure } from '../upstream-failure.ts';
import type { HttpClientPort, Reply, UpstreamRequest } from './port.ts';

/** RFC 9110 §9.2.2: doing these twice is doing them once. */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * Sends a request, and once more on a new connection when the kept one it went over had gone stale: no byte of an answer came,
 * the method may be repeated, and there is no body that would be half gone (RFC 9112 §9.3.1).
 */
export async function sendAgain(client: HttpClientPort, request: UpstreamRequest): Promise<Reply> {
  try {
    return await client.send(request);
  } catch (error) {
    if (!(error instanceof UpstreamFailure) || !error.stale || !mayRepeat(request)) throw error;
    client.dropIdle();
    return client.send(request);
  }
}

function mayRepeat({ head, body, upgrade, signal }: UpstreamRequest): boolean {
  return body === undefined && !upgrade && !signal.aborted && idempotent.has(head.method);
}
