import { connect } from 'node:tls';
import { isUnix, type Address } from '../address.ts';
import { keyExchangeGroups } from '../tls.ts';

const timeoutMs = 5000;

/** What a chain ends with that leads to none of the roots; others are clocks that differ, or faults of the server. */
const leadsNowhere = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/**
 * Whether a server answers, and stands on none of these roots (PEM): an impostor, or an authority whose roots were replaced
 * while nobody told us. Nothing is sent and nothing believed on this connection.
 */
export function isStranger(address: Address, roots: readonly string[], signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const place = isUnix(address) ? { path: address.path } : { host: address.host, port: address.port };
    const socket = connect({
      ...place,
      ca: [...roots],
      // It is only asked whether it would be.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.3',
      ecdhCurve: keyExchangeGroups,
    });
    const settle = (stranger: boolean): void => {
      signal.removeEventListener('abort', leave);
      resolve(stranger);
      socket.destroy();
    };
    const leave = (): void => settle(false);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    socket.setTimeout(timeoutMs, leave);
    // An error after the handshake is nobody's any more; before it, the server is away.
    socket.on('error', leave);
    socket.once('secureConnect', () => settle(leadsNowhere.has(String(socket.authorizationError))));
  });
}
