import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { issuerId } from '#ca/authority-id.ts';
import { keySigner } from '#ca/keys/signer.ts';
import type { Registration } from '#policies/documents/index.ts';
import type { Clock } from '#runtime/clock.ts';
import { renewalTime, retryDelayMs } from '#runtime/identity/renewal-time.ts';
import { sleepUntil } from '#runtime/identity/sleep-until.ts';
import type { Logger } from '#runtime/logger.ts';
import { grantOf } from './registrations.ts';
import type { Leaf, SvidSource } from './svid-source.ts';

/** An SVID with its key, ready to be handed to whoever is entitled to it. */
export interface KeptSvid {
  readonly leaf: Leaf;
  /** PKCS#8 DER. */
  readonly key: Uint8Array;
  readonly hint: string;
}

export interface Lease {
  readonly svid: KeptSvid;
  readonly release: () => void;
}

export interface KeeperOptions {
  readonly source: SvidSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  /** How many SVIDs that nobody holds are kept for whoever asks next; the longest unused goes first. */
  readonly maxIdle?: number;
}

interface Entry {
  readonly key: string;
  readonly registration: Registration;
  readonly caller: string;
  readonly stop: AbortController;
  current: Promise<KeptSvid>;
  /** Of `current`, once it is there. */
  leaf: Leaf | undefined;
  /** The issuing under way, for all who want the next one. */
  renewing: Promise<KeptSvid> | undefined;
  wake: AbortController;
  users: number;
  /** Of those who hold it and want to hear of the next. */
  readonly listeners: Set<() => void>;
}

/**
 * One SVID per registration, made when somebody first asks for it, shared by all who are entitled to it, renewed at half
 * life while somebody listens. Keys are made here, in the process that serves the socket, and live in memory only.
 */
export class SvidKeeper implements Disposable {
  readonly #options: KeeperOptions;
  readonly #maxIdle: number;
  readonly #entries = new Map<string, Entry>();
  readonly #idle = new Set<Entry>();
  #spent: ReadonlySet<string> = new Set();
  #revoked: ReadonlySet<string> = new Set();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#maxIdle = options.maxIdle ?? 1000;
  }

  /** How many SVIDs are in memory, and how many of them somebody holds. */
  get size(): { readonly kept: number; readonly held: number } {
    return { kept: this.#entries.size, held: this.#entries.size - this.#idle.size };
  }

  /** What is in memory, by registration: for people. */
  held(): ReadonlyMap<string, Leaf> {
    const found = [...this.#entries.values()].flatMap(({ registration, leaf }) =>
      leaf === undefined ? [] : [[grantOf(registration), leaf] as const],
    );
    return new Map(found);
  }

  /** The SVIDs of registrations, all or none. */
  async leaseAll(
    registrations: readonly Registration[],
    caller: string,
    onRenewed?: () => void,
  ): Promise<readonly Lease[]> {
    const settled = await Promise.allSettled(registrations.map((one) => this.lease(one, caller, onRenewed)));
    const leases = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed === undefined) return leases;
    for (const { release } of leases) release();
    throw failed.reason;
  }

  /** The SVID of a registration; release the lease when nobody listens any more. Until then `onRenewed` hears of a next one. */
  async lease(registration: Registration, caller: string, onRenewed?: () => void): Promise<Lease> {
    const key = keyOf(registration);
    const entry = this.#entries.get(key) ?? this.#begin(key, registration, caller);
    entry.users += 1;
    this.#idle.delete(entry);
    // One of its own, so that who holds it twice hears of it until both are released.
    const listener = (): void => onRenewed?.();
    entry.listeners.add(listener);
    let held = true;
    const release = (): void => {
      entry.listeners.delete(listener);
      if (held) this.#leave(entry);
      held = false;
    };
    try {
      return { svid: await this.#fresh(entry), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Everything under these authorities is made anew, at once, and again for as long as that fails. */
  async renewUnder(authorities: ReadonlySet<string>): Promise<void> {
    this.#spent = authorities;
    if (authorities.size > 0) await this.#wakeSpent();
  }

  /** What was revoked is made anew with another key, for those who are entitled to it still. */
  async renewRevoked(serials: ReadonlySet<string>): Promise<void> {
    this.#revoked = serials;
    if (serials.size > 0) await this.#wakeSpent();
  }

  [Symbol.dispose](): void {
    for (const entry of this.#entries.values()) this.#drop(entry);
  }

  #begin(key: string, registration: Registration, caller: string): Entry {
    const current = this.#issue(registration, caller);
    const stop = new AbortController();
    const wake = new AbortController();
    const entry: Entry = {
      key,
      registration,
      caller,
      stop,
      current,
      leaf: undefined,
      renewing: undefined,
      wake,
      users: 0,
      listeners: new Set(),
    };
    this.#entries.set(key, entry);
    current.then(
      ({ leaf }) => {
        entry.leaf = leaf;
        void this.#keepFresh(entry);
      },
      // Whoever asks next has another try.
      () => this.#drop(entry),
    );
    return entry;
  }

  #leave(entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0 || this.#entries.get(entry.key) !== entry) return;
    this.#idle.add(entry);
    const [longest] = this.#idle;
    if (this.#idle.size > this.#maxIdle && longest !== undefined) this.#drop(longest);
  }

  #drop(entry: Entry): void {
    entry.stop.abort();
    entry.wake.abort();
    this.#idle.delete(entry);
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }

  async #wakeSpent(): Promise<void> {
    await Promise.allSettled(
      [...this.#entries.values()].map(async (entry) => {
        const { leaf } = await entry.current;
        if (this.#isSpent(leaf)) entry.wake.abort();
      }),
    );
  }

  #isSpent({ authority, serial, chain: [leaf] }: Leaf): boolean {
    if (this.#spent.has(authority) || this.#revoked.has(serial)) return true;
    return this.#spent.size > 0 && leaf !== undefined && this.#spent.has(issuerId(leaf) ?? '');
  }

  /** What is kept, unless nobody renewed it because nobody listened. */
  async #fresh(entry: Entry): Promise<KeptSvid> {
    const kept = await entry.current;
    return kept.leaf.notAfter > this.#options.clock.now() ? kept : this.#renew(entry);
  }

  #renew(entry: Entry): Promise<KeptSvid> {
    entry.renewing ??= this.#replace(entry).finally(() => (entry.renewing = undefined));
    return entry.renewing;
  }

  async #replace(entry: Entry): Promise<KeptSvid> {
    const next = await this.#issue(entry.registration, entry.caller);
    entry.current = Promise.resolve(next);
    entry.leaf = next.leaf;
    for (const tell of entry.listeners) tell();
    return next;
  }

  async #keepFresh(entry: Entry): Promise<void> {
    const { clock, logger, random } = this.#options;
    const { signal } = entry.stop;
    for (let failures = 0; !signal.aborted;) {
      const { leaf } = await entry.current;
      if (failures > 0) {
        const delay = retryDelayMs(failures, leaf.notAfter.getTime() - clock.now().getTime());
        await clock.sleep(delay * (0.75 + 0.5 * random()), signal);
      } else if (!this.#isSpent(leaf)) {
        await sleepUntil(clock, renewalTime(clock.now(), leaf.notAfter, random), entry.wake.signal);
      }
      if (ended(signal)) return;
      if (entry.users === 0) {
        this.#drop(entry);
        return;
      }
      failures = (await this.#renewed(entry, leaf, logger)) ? 0 : failures + 1;
      // Who woke us meanwhile meant the one that is gone: once is enough.
      entry.wake = new AbortController();
    }
  }

  /** Whether there is a better one now. */
  async #renewed(entry: Entry, { id, notAfter }: Leaf, logger: Logger): Promise<boolean> {
    try {
      const { leaf } = await this.#renew(entry);
      return !this.#isSpent(leaf);
    } catch (error) {
      logger.warn('SVID not renewed', { id, expires: notAfter, error });
      return false;
    }
  }

  async #issue(registration: Registration, caller: string): Promise<KeptSvid> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const leaf = await this.#options.source.issue(registration, keySigner(privateKey), caller);
    return { leaf, key: pkcs8(privateKey), hint: registration.hint ?? '' };
  }
}

/** A registration that says something else is another one, though it bears the same name. */
function keyOf(registration: Registration): string {
  const { spiffeId, dnsNames, x509TtlSeconds, hint } = registration;
  return JSON.stringify([grantOf(registration), spiffeId, dnsNames, x509TtlSeconds, hint]);
}

/** A call, because the signal changes while we wait. */
function ended(signal: AbortSignal): boolean {
  return signal.aborted;
}

function pkcs8(key: KeyObject): Uint8Array {
  return key.export({ format: 'der', type: 'pkcs8' });
}
