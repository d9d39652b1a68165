import { Duration, MapBag } from '#proto/attributes/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Attributes, connectionAttributes } from '../attributes.ts';
import type { Connection } from '../connection.ts';
import type { Decider } from '../decide/decider.ts';
import { type Relayed, relay } from '../http/relay.ts';
import { addDecision, reportBag } from '../report/outcome.ts';
import type { Reporter } from '../report/reporter.ts';
import type { SidecarCounts } from '../sidecar-counts.ts';
import { type ResponseFlag, UpstreamFailure } from '../upstream-failure.ts';
import type { OwnWorkload } from '../workload.ts';
import { whoSpeaksFirst } from './who-speaks-first.ts';

export interface TcpServing {
  readonly workload: OwnWorkload;
  readonly identity: IdentitySource;
  readonly port: number;
  readonly decider: Decider;
  readonly reporter: Reporter;
  readonly counts: SidecarCounts;
  readonly clock: Clock;
  /** Opens a connection to the application. */
  readonly open: () => Promise<Duplex>;
}

/**
 * One connection that is bytes: decided once, then joined with the application until both ends are done. With `onHttp` it is
 * bytes only as far as the application speaks first, and else goes there.
 */
export async function serveTcp(
  serving: TcpServing,
  socket: Socket,
  connection: Connection,
  onHttp?: (wire: 'http1' | 'h2') => void,
): Promise<void> {
  const { workload, identity, port, clock, counts } = serving;
  const started = clock.monotonicMs();
  const facts = { connection, workload, port, now: clock.now(), identity: identity.current().spiffeId };
  const attributes = connectionAttributes(facts);
  const leave = new AbortController();
  socket.once('close', () => leave.abort());
  const decision = await serving.decider.decide(new MapBag(attributes), leave.signal);
  addDecision(attributes, decision);
  counts.decided('inbound', decision.effect);
  if (decision.effect === 'deny' || leave.signal.aborted) {
    // There is no answer in bytes that the client could understand.
    socket.destroy();
    finish(serving, attributes, { forth: 0, back: 0 }, started, undefined);
    return;
  }
  try {
    const application = await serving.open();
    const wire = onHttp === undefined ? 'tcp' : await whoSpeaksFirst(socket, application);
    if (wire !== 'tcp') {
      application.destroy();
      onHttp?.(wire);
      finish(serving, attributes, { forth: 0, back: 0 }, started, undefined);
      return;
    }
    finish(serving, attributes, await relay(socket, application), started, undefined);
  } catch (error) {
    const flag = error instanceof UpstreamFailure ? error.flag : 'LR';
    counts.upstreamFailed('inbound', flag, error);
    socket.destroy();
    finish(serving, attributes, { forth: 0, back: 0 }, started, flag);
  }
}

function finish(
  { reporter, clock }: TcpServing,
  attributes: Attributes,
  { forth, back }: Relayed,
  started: number,
  flag: ResponseFlag | undefined,
): void {
  attributes.set('connection.event', 'close');
  attributes.set('connection.received.bytes_total', BigInt(forth));
  attributes.set('connection.sent.bytes_total', BigInt(back));
  attributes.set('connection.duration', Duration.fromMs(clock.monotonicMs() - started));
  if (flag !== undefined) attributes.set('context.proxy_error_code', flag);
  reporter.add(reportBag(attributes));
}
