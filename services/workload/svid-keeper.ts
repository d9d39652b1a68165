import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { keySigner } from '#ca/keys/signer.ts';
import type { Registration } from '#policies/documents/index.ts';
import type { Clock } from '#runtime/clock.ts';
import { renewalTime, retryDelayMs } from '#runtime/identity/renewal-time.ts';
import { sleepUntil } from '#runtime/identity/sleep-until.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Changes } from './changes.ts';
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
  /** Bumped after every rotation. */
  readonly changes: Changes;
  readonly random: () => number;
}

interface Entry {
  readonly registration: Registration;
  readonly caller: string;
  readonly stop: AbortController;
  current: Promise<KeptSvid>;
  users: number;
}

/**
 * One SVID per registration, made when somebody first asks for it, shared by all who are entitled to it, renewed at half
 * life while somebody listens. Keys are made here, in the process that serves the socket, and live in memory only.
 */
export class SvidKeeper implements Disposable {
  readonly #options: KeeperOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** The SVIDs of registrations, all or none. */
  async leaseAll(registrations: readonly Registration[], caller: string): Promise<readonly Lease[]> {
    const settled = await Promise.allSettled(registrations.map((one) => this.lease(one, caller)));
    const leases = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed === undefined) return leases;
    for (const { release } of leases) release();
    throw failed.reason;
  }

  /** The SVID of a registration; release the lease when nobody listens any more. */
  async lease(registration: Registration, caller: string): Promise<Lease> {
    const key = keyOf(registration);
    const entry = this.#entries.get(key) ?? this.#begin(key, registration, caller);
    entry.users += 1;
    const release = (): void => {
      entry.users -= 1;
    };
    try {
      return { svid: await this.#fresh(entry), release };
    } catch (error) {
      release();
      if (this.#entries.get(key) === entry && entry.users === 0) this.#drop(key, entry);
      throw error;
    }
  }

  /** Makes every SVID anew whose authority is no longer to be used. */
  async renewUnder(authorities: ReadonlySet<string>): Promise<void> {
    const renewals = [...this.#entries.values()].map(async (entry) => {
      const { leaf } = await entry.current;
      if (authorities.has(leaf.authority)) await this.#renew(entry);
    });
    for (const done of await Promise.allSettled(renewals)) {
      if (done.status === 'rejected') this.#options.logger.error('SVID not renewed', { error: done.reason as unknown });
    }
  }

  [Symbol.dispose](): void {
    for (const [key, entry] of this.#entries) this.#drop(key, entry);
  }

  #begin(key: string, registration: Registration, caller: string): Entry {
    const entry: Entry = {
      registration,
      caller,
      stop: new AbortController(),
      current: this.#issue(registration, caller),
      users: 0,
    };
    this.#entries.set(key, entry);
    entry.current.then(
      () => void this.#keepFresh(key, entry),
      () => undefined,
    );
    return entry;
  }

  #drop(key: string, entry: Entry): void {
    entry.stop.abort();
    this.#entries.delete(key);
  }

  /** What is kept, unless nobody renewed it because nobody listened. */
  async #fresh(entry: Entry): Promise<KeptSvid> {
    const kept = await entry.current;
    return kept.leaf.notAfter > this.#options.clock.now() ? kept : this.#renew(entry);
  }

  async #renew(entry: Entry): Promise<KeptSvid> {
    const next = await this.#issue(entry.registration, entry.caller);
    entry.current = Promise.resolve(next);
    this.#options.changes.bump();
    return next;
  }

  async #keepFresh(key: string, entry: Entry): Promise<void> {
    const { clock, logger, random } = this.#options;
    const { signal } = entry.stop;
    for (let failures = 0; !signal.aborted;) {
      const { leaf } = await entry.current;
      if (failures === 0) await sleepUntil(clock, renewalTime(clock.now(), leaf.notAfter, random), signal);
      if (ended(signal)) return;
      if (entry.users === 0) {
        this.#drop(key, entry);
        return;
      }
      try {
        await this.#renew(entry);
        failures = 0;
      } catch (error) {
        failures += 1;
        logger.warn('SVID not renewed', { id: leaf.id, expires: leaf.notAfter, error });
        await clock.sleep(retryDelayMs(failures, leaf.notAfter.getTime() - clock.now().getTime()), signal);
      }
    }
  }

  async #issue(registration: Registration, caller: string): Promise<KeptSvid> {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const leaf = await this.#options.source.issue(registration, keySigner(privateKey).publicKey, caller);
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
