import type { EffectiveMode, PeerModes } from '../compile/peer-modes.ts';
import type { Facts } from './facts.ts';
import { readFlag, readText } from './read-attribute.ts';
import type { Finding } from './verdict.ts';

/** Says what the TLS layer found wrong with the client's certificate; a connection that carries it should not have come up. */
export const certificateFaultAttribute = 'garrison.source.certificate.fault';

export function modeAt(peers: PeerModes, port: number | undefined): EffectiveMode {
  return (port === undefined ? undefined : peers.ports.get(port)) ?? peers.mode;
}

/** A caller that must show a certificate and has none, and in `strict` one whose certificate is nobody's. */
export function refusePeer(peers: PeerModes, facts: Facts): Finding | undefined {
  const { settings, principal, bag } = facts;
  if (settings.strict) {
    const fault = readText(bag, certificateFaultAttribute);
    if (fault !== undefined) return deny(`the client certificate is refused: ${fault}`);
    if (facts.identity?.valid === false) return deny(`the client's identity is no SPIFFE ID with a path`);
  }
  if (!peers.anyStrict || principal !== undefined || modeAt(peers, facts.port) !== 'STRICT') return undefined;
  // In `istio` a certificate without a SPIFFE ID is a certificate still.
  const hasCertificate =
    !settings.strict && (readFlag(bag, 'connection.mtls') || readText(bag, certificateFaultAttribute) !== undefined);
  return hasCertificate ? undefined : deny('PeerAuthentication is STRICT and there is no client certificate');
}

function deny(reason: string): Finding {
  return { effect: 'deny', status: 403, reason };
}
