import { Duration } from '#proto/attributes/index.ts';
import type { Duplex } from 'node:stream';
import { addDestination, outboundAttributes } from '../attributes.ts';
import type { Connection } from '../connection.ts';
import { relay } from '../http/relay.ts';
import { reportBag } from '../report/outcome.ts';
import { UpstreamFailure } from '../upstream-failure.ts';
import { WrongServer } from './connect-named.ts';
import { splitHost } from './route.ts';
import type { OutboundServing } from './serve-outbound.ts';

/** TCP for the application: `CONNECT host:port` (RFC 9110 §9.3.6) says whom the bytes are for, which bytes alone cannot. */
export async function serveConnect(
  serving: OutboundServing,
  target: string,
  socket: Duplex,
  connection: Connection,
): Promise<void> {
  const { workload, clock, pools, balancer } = serving;
  const started = clock.monotonicMs();
  const identity = serving.identity.current().spiffeId;
  const attributes = outboundAttributes({ connection, workload, identity, now: clock.now() });
  const { host, port } = splitHost(target);
  const route = serving.findRoute(host, port);
  const [endpoint] = route === undefined ? [] : balancer.order(route.host, route.endpoints);
  if (route === undefined || endpoint === undefined) {
    refuse(socket, 502, `no service document names an endpoint for \`${target}\``);
    return;
  }
  addDestination(attributes, route, endpoint);
  let moved = { forth: 0, back: 0 };
  try {
    const upstream = await pools.open(route, endpoint, undefined);
    balancer.succeeded(endpoint);
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    moved = await relay(socket, upstream);
  } catch (error) {
    const flag = error instanceof UpstreamFailure ? error.flag : 'LR';
    if (error instanceof UpstreamFailure && !(error instanceof WrongServer)) balancer.failed(endpoint);
    serving.counts.upstreamFailed('outbound', flag, error);
    attributes.set('context.proxy_error_code', flag);
    refuse(socket, 502, `\`${target}\`: ${error instanceof Error ? error.message : String(error)}`);
  }
  attributes.set('connection.event', 'close');
  attributes.set('connection.received.bytes_total', BigInt(moved.forth));
  attributes.set('connection.sent.bytes_total', BigInt(moved.back));
  attributes.set('connection.duration', Duration.fromMs(clock.monotonicMs() - started));
  serving.reporter.add(reportBag(attributes));
}

function refuse(socket: Duplex, status: number, text: string): void {
  const length = Buffer.byteLength(text);
  socket.end(
    `HTTP/1.1 ${status} Bad Gateway\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${length}\r\n\r\n${text}`,
    () => socket.destroy(),
  );
}
