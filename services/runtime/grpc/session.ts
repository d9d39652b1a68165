import type { ServerHttp2Session } from 'node:http2';
import type { Logger } from '../logger.ts';
import type { Peer } from '../peer.ts';

const pingEveryMs = 60_000;
const longestTimerMs = 2 ** 31 - 1;
const graceMs = 5000;

export interface SessionLimits {
  readonly handshakeTimeoutMs: number;
  readonly logger: Logger;
}

/** Ends sessions that never begin, whose peer is gone without a word, or whose certificate has run out. */
export function superviseSession(session: ServerHttp2Session, peer: Peer, limits: SessionLimits): void {
  // Whole messages of a megabyte should not stop for a window update half a dozen times.
  session.setLocalWindowSize(1_048_576);
  const begin = setTimeout(() => {
    limits.logger.info('connection closed', { reason: 'no HTTP/2 settings in time', from: peer.address });
    session.destroy();
  }, limits.handshakeTimeoutMs);
  session.once('remoteSettings', () => clearTimeout(begin));

  let answered = true;
  const ping = setInterval(() => {
    if (!answered) {
      session.destroy();
      return;
    }
    answered = false;
    session.ping(() => (answered = true));
  }, pingEveryMs);

  const expiry = expireWith(session, peer);
  session.on('error', () => undefined);
  session.on('close', () => {
    clearTimeout(begin);
    clearInterval(ping);
    clearTimeout(expiry);
  });
}

/**
 * An identity is good until its certificate ends, also on a connection that was opened before. Calls under way get a
 * moment to finish; the caller connects again.
 */
function expireWith(session: ServerHttp2Session, peer: Peer): NodeJS.Timeout | undefined {
  if (peer.certificate === undefined) return undefined;
  const left = Date.parse(peer.certificate.validTo) - Date.now();
  const end = (): void => {
    session.close();
    const force = setTimeout(() => session.destroy(), graceMs);
    session.on('close', () => clearTimeout(force));
  };
  return setTimeout(end, Math.min(Math.max(left, 0), longestTimerMs));
}
