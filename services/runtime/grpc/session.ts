import type { ServerHttp2Session } from 'node:http2';
import type { Logger } from '../logger.ts';
import type { Peer } from '../peer.ts';

const checkEveryMs = 60_000;
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
  const check = setInterval(() => {
    if (!answered) {
      session.destroy();
      return;
    }
    answered = false;
    session.ping(() => (answered = true));
    // The timer below counts from the clock of the beginning; when that was set meanwhile, this notices.
    if (lifeLeftMs(peer) <= 0) endGently(session);
  }, checkEveryMs);
  const expiry = peer.certificate && setTimeout(() => endGently(session), clamp(lifeLeftMs(peer)));

  session.on('error', () => undefined);
  session.on('close', () => {
    clearTimeout(begin);
    clearInterval(check);
    clearTimeout(expiry);
  });
}

function lifeLeftMs({ certificate }: Peer): number {
  return certificate === undefined ? Infinity : Date.parse(certificate.validTo) - Date.now();
}

const clamp = (ms: number): number => Math.min(Math.max(ms, 0), longestTimerMs);

/**
 * An identity is good until its certificate ends, also on a connection that was opened before. Calls under way get a
 * moment to finish; the caller connects again.
 */
function endGently(session: ServerHttp2Session): void {
  if (session.closed) return;
  session.close();
  const force = setTimeout(() => session.destroy(), graceMs);
  session.on('close', () => clearTimeout(force));
}
