import type { SpiffeId } from '#ca/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { identifyPeer } from '#runtime/peer.ts';
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

export interface ClientIdentity {
  readonly id: SpiffeId;
  readonly certificate: X509Certificate;
}

/**
 * Who the client of a finished handshake is, by what it showed; undefined where it showed no certificate.
 * Throws UNAUTHENTICATED where it showed one that proves nothing: the connection must then be refused, not be anonymous.
 */
export function identifyClient(
  socket: TLSSocket,
  certificate: X509Certificate | undefined,
  own: Pick<Identity, 'spiffeId' | 'bundle' | 'revoked' | 'refused'>,
): ClientIdentity | undefined {
  const { trustDomain } = own.spiffeId;
  if (certificate === undefined) return undefined;
  if (!socket.authorized) {
    // The declared type says Error; node gives the code of OpenSSL as a string.
    const why = String(socket.authorizationError);
    throw new GarrisonError(
      'UNAUTHENTICATED',
      `the client certificate is not of trust domain \`${trustDomain}\`: ${why}`,
    );
  }
  const id = identifyPeer(certificate, 'client', own);
  if (id.trustDomain !== trustDomain) {
    throw new GarrisonError('UNAUTHENTICATED', `\`${id.toString()}\` is not of trust domain \`${trustDomain}\``);
  }
  return { id, certificate };
}

/** What a certificate that is not believed says of itself, for the audit only. */
export function claimedName(socket: TLSSocket): string | undefined {
  return socket.getPeerX509Certificate()?.subjectAltName?.slice(0, 300);
}
