import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { isIssuedBy } from '#ca/certificate/is-issued-by.ts';
import { serialOf } from '#ca/issue/serial.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Identity, IdentitySource } from './identity-source.ts';
import { whyNotBelieved } from './refused-authorities.ts';
import { shownWith } from './shown-certificates.ts';

type Trust = Pick<Identity, 'bundle' | 'revoked' | 'refused' | 'certificates'>;
/** A handshake that is not over; outdated once a root has gone that it may be judged by. */
interface Arriving {
  outdated: boolean;
}

/** Of a certificate with what was shown beside it. */
type Judge = (shown: readonly X509Certificate[]) => string | undefined;

/**
 * Open connections whose peer has proven who it is. A handshake is a proof of its moment only: when the authority takes
 * back a certificate, or a root leaves the bundle, the connections that stand on it end here, whatever goes over them.
 */
export class LivePeers implements Disposable {
  readonly #onEnded: (certificate: X509Certificate, reason: string) => void;
  readonly #peers = new Map<TLSSocket, X509Certificate>();
  readonly #stop: () => void;
  /** By their other end, since nothing else leads from a socket to the TLS that is spoken over it. */
  readonly #arriving = new Map<string, Arriving>();
  /** Handshakes that are over, and judged by a bundle that has lost a root since they began. */
  readonly #outdated = new WeakSet<Socket>();
  #trust: Trust;

  constructor(identity: IdentitySource, onEnded: (certificate: X509Certificate, reason: string) => void) {
    this.#onEnded = onEnded;
    this.#trust = identity.current();
    this.#stop = identity.onChange((next) => this.#changed(next));
  }

  /**
   * A connection after its handshake, its peer verified. Node forgets the certificate with the handshake: we do not.
   * Throws UNAUTHENTICATED where the peer proved itself by what has been taken back during the handshake.
   */
  add(socket: TLSSocket, certificate: X509Certificate): void {
    if (socket.destroyed) return;
    const reason = this.#outdated.has(socket) ? judgeUnder(this.#trust, true)(shownWith(certificate)) : undefined;
    if (reason !== undefined) throw new GarrisonError('UNAUTHENTICATED', reason);
    this.#peers.set(socket, certificate);
    socket.once('close', () => this.#peers.delete(socket));
  }

  /**
   * A connection before its handshake, which is judged by the bundle of the moment when it began: somebody who waits half
   * way through it until a root is gone would be let in by that root. So who is half way then is judged once more at the
   * end. To cut the connection instead would fail those, too, who stand on a root that stays.
   */
  arriving(socket: Socket): void {
    const end = otherEnd(socket);
    const arriving: Arriving = { outdated: false };
    this.#arriving.set(end, arriving);
    socket.once('close', () => {
      if (this.#arriving.get(end) === arriving) this.#arriving.delete(end);
    });
  }

  /** Its handshake is over, whatever came of it. */
  arrived(socket: Socket): void {
    const end = otherEnd(socket);
    if (this.#arriving.get(end)?.outdated === true) this.#outdated.add(socket);
    this.#arriving.delete(end);
  }

  /** Looks after nothing any more; what is open stays. */
  [Symbol.dispose](): void {
    this.#stop();
  }

  #changed(next: Trust): void {
    const before = this.#trust;
    this.#trust = next;
    const lost = lostTrust(before, next);
    if (lost === undefined) return;
    const { rootGone, judge } = lost;
    if (rootGone) for (const arriving of this.#arriving.values()) arriving.outdated = true;
    for (const [socket, certificate] of this.#peers) {
      const reason = judge(shownWith(certificate));
      if (reason === undefined) continue;
      this.#peers.delete(socket);
      socket.destroy();
      this.#onEnded(certificate, reason);
    }
  }
}

/** How to judge certificates that were good before; undefined where trust only grew, which takes nothing from anybody. */
export function lostTrust(
  before: Trust,
  next: Trust,
): { readonly rootGone: boolean; readonly judge: Judge } | undefined {
  const rootGone = before.bundle.some((root) => !next.bundle.includes(root));
  const same = within(next.revoked, before.revoked) && within(next.refused, before.refused);
  if (!rootGone && same) return undefined;
  return { rootGone, judge: judgeUnder(next, rootGone) };
}

/**
 * Why a certificate, good at its handshake, is good no more; undefined where it still is. Which root it stood on nobody
 * says (a server is not shown the chain of its client), so when one has gone, those stay of whom we know that they stand
 * on another: signed by a root, or by the intermediate that we ourselves are under. The rest have to prove it anew.
 */
function judgeUnder(trust: Trust, rootGone: boolean): Judge {
  const { bundle, revoked, certificates } = trust;
  const roots = bundle.map((pem) => new X509Certificate(pem));
  const own = certificates.slice(1).map((pem) => new X509Certificate(pem));
  const issuers = [...roots, ...own.filter((one) => signedBy(one, roots))];
  return (shown) => {
    const [certificate] = shown;
    if (certificate === undefined) return undefined;
    if (revoked?.has(serialOf(certificate)) === true) return 'its certificate was revoked';
    if (rootGone && !signedBy(certificate, issuers)) return 'a root that it may stand on is trusted no more';
    return whyNotBelieved(shown, trust);
  };
}

function signedBy(certificate: X509Certificate, issuers: readonly X509Certificate[]): boolean {
  return issuers.some((issuer) => isIssuedBy(certificate, issuer));
}

function otherEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? ''}`;
}

function within(all: Iterable<string> = [], known: Iterable<string> = []): boolean {
  const before = new Set(known);
  return [...all].every((one) => before.has(one));
}
