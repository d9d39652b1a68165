import type { EffectiveMode, PeerModes } from '../compile/peer-modes.ts';
import type { Facts } from './facts.ts';
import { listenPortOf } from './listen-port.ts';
import { readFlag, readText } from './read-attribute.ts';
import type { Finding } from './verdict.ts';

/** Says what the TLS layer found wrong with the client's certificate; a connection that carries it should not have come up. */
export const certificateFaultAttribute = 'garrison.source.certificate.fault';

/** The mode of a port by whichever of its numbers documents name; where they differ, the stricter. */
export function modeAt({ mode, ports }: PeerModes, port: number | undefined, listenPort?: number): EffectiveMode {
  const own = port === undefined ? undefined : ports.get(port);
  const listening = listenPort === undefined ? undefined : ports.get(listenPort);
  return listening === 'STRICT' ? listening : (own ?? listening ?? mode);
}

/** A caller that must show a certificate and has none, and in `strict` one whose certificate is nobody's. */
export function refusePeer(peers: PeerModes, facts: Facts): Finding | undefined {
  const { settings, principal, bag } = facts;
  if (settings.strict) {
    const fault = readText(bag, certificateFaultAttribute);
    if (fault !== undefined) return deny(`the client certificate is refused: ${fault}`);
    if (facts.identity?.valid === false) return deny(`the client's identity is no SPIFFE ID with a path`);
  }
  if (!peers.anyStrict || principal !== undefined) return undefined;
  if (modeAt(peers, facts.port, listenPortOf(bag)) !== 'STRICT') return undefined;
  // In `istio` a certificate without a SPIFFE ID is a certificate still.
  const hasCertificate =
    !settings.strict && (readFlag(bag, 'connection.mtls') || readText(bag, certificateFaultAttribute) !== undefined);
  return hasCertificate ? undefined : deny('PeerAuthentication is STRICT and there is no client certificate');
}

function deny(reason: string): Finding {
  return { effect: 'deny', status: 403, reason };
}
