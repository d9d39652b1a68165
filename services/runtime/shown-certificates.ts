import { X509Certificate } from 'node:crypto';
import type { Server as TlsServer, TLSSocket, DetailedPeerCertificate, PeerCertificate } from 'node:tls';

/** More than anybody has, and a bound for what is looked through. */
export const mostShown = 10;

/** A certificate as its peer has shown it, and what was shown with it. Undefined where nothing was shown. */
export type ShownBy = (socket: TLSSocket) => X509Certificate | undefined;

/**
 * What clients of a server show, whole: the first look at it loses what stands above the leaf, and the first look is the
 * server's own (nodejs/node#65579). The event is the only public one that tells of a socket before that; what it tells of
 * its secrets goes nowhere.
 */
export function keepShown(server: TlsServer): ShownBy {
  const shown = new WeakMap<TLSSocket, X509Certificate>();
  const known = new WeakSet<TLSSocket>();
  server.on('keylog', (_secrets, socket) => {
    if (known.has(socket)) return;
    known.add(socket);
    socket.prependOnceListener('secure', () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate !== undefined) shown.set(socket, certificate);
    });
  });
  return (socket) => shown.get(socket) ?? socket.getPeerX509Certificate();
}

/** A certificate and what was shown with it, in the order in which it was shown: one too many where it was too much. */
export function shownWith(certificate: X509Certificate): X509Certificate[] {
  const all: X509Certificate[] = [];
  let at: X509Certificate | undefined = certificate;
  while (at !== undefined && all.length <= mostShown) {
    all.push(at);
    at = at.issuerCertificate;
  }
  return all;
}

/** The same, as it is told to those who check the name of a server. A root is its own issuer. */
export function shownByServer(shown: PeerCertificate): X509Certificate[] {
  const all: X509Certificate[] = [];
  let at: Partial<DetailedPeerCertificate> | undefined = shown;
  while (at?.raw !== undefined && all.length <= mostShown) {
    all.push(new X509Certificate(at.raw));
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return all;
}
