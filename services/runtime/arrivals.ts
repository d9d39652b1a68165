import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/** Of all places, how many one peer may take: the rest is for others, whatever that one does. */
const share = 3 / 4;
const mostOpen = 10_000;

/** Connections that a server takes where nothing else is said: so many that files can still be opened beside them. */
export function usualMostOpen(limits = readLimits()): number {
  const files = Number(/^Max open files +([0-9]+)/m.exec(limits)?.[1] ?? Infinity);
  // Half is left for what is no connection: databases, documents, other servers.
  return Math.max(64, Math.min(mostOpen, Math.floor(files / 2)));
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return ''; // not Linux
  }
}

interface Place {
  readonly socket: Socket;
  readonly who: string;
}

/**
 * Who takes the places of a server. A connection that has not begun to speak gives way, the oldest first, when there is no
 * place left: somebody who opens thousands and says nothing keeps nobody out who does say something.
 */
export class Arrivals {
  readonly #most: number;
  readonly #places = new Map<unknown, Place>();
  /** Those that have not spoken yet, in the order in which they came. */
  readonly #silent = new Map<unknown, Place>();
  readonly #counts = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** A connection has come. What it returns says why it was closed at once; undefined: it has a place. */
  arrived(socket: Socket, who: string): string | undefined {
    const held = this.#counts.get(who) ?? 0;
    if (held >= this.#most * share && !this.#makeRoom((place) => place.who === who)) {
      return this.#refuse(socket, `\`${who}\` has too many connections`);
    }
    if (this.#places.size >= this.#most && !this.#makeRoom(() => true)) {
      return this.#refuse(socket, 'too many connections');
    }
    const key = keyOf(socket);
    const place = { socket, who };
    this.#places.set(key, place);
    this.#silent.set(key, place);
    this.#counts.set(who, (this.#counts.get(who) ?? 0) + 1);
    socket.once('close', () => this.#left(key, place));
    return undefined;
  }

  /** It speaks: it may stay. The socket may be the one that came, or the TLS over it. */
  spoke(socket: Socket): void {
    this.#silent.delete(keyOf(socket));
  }

  get size(): number {
    return this.#places.size;
  }

  #makeRoom(mayGo: (place: Place) => boolean): boolean {
    for (const [key, place] of this.#silent) {
      if (!mayGo(place)) continue;
      this.#left(key, place);
      place.socket.destroy();
      return true;
    }
    return false;
  }

  #refuse(socket: Socket, reason: string): string {
    socket.destroy();
    return reason;
  }

  #left(key: unknown, place: Place): void {
    if (this.#places.get(key) !== place) return;
    this.#places.delete(key);
    this.#silent.delete(key);
    const held = (this.#counts.get(place.who) ?? 1) - 1;
    if (held === 0) this.#counts.delete(place.who);
    else this.#counts.set(place.who, held);
  }
}

/** TLS is another object over the same connection, and nothing leads from one to the other but the other end's address. */
function keyOf(socket: Socket): unknown {
  const { remoteAddress, remotePort } = socket;
  return remotePort === undefined ? socket : `${remoteAddress ?? ''} ${remotePort}`;
}

/** Whose address it is: of IPv6 the first half, since everybody has the other half for himself. */
export function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
