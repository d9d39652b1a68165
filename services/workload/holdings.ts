import type { Registration } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Attested } from './attest-unix.ts';
import { Changes } from './changes.ts';
import { entitledOrRefused, type WorkloadApiOptions } from './entitlement.ts';
import type { KeptSvid, Lease, SvidKeeper } from './svid-keeper.ts';
import { TrustReader, type TrustNow } from './trust-now.ts';

/** What callers of one kind are at one moment. The same object for as long as it says the same. */
export interface Standing {
  /** Not empty, in the order of the documents. */
  readonly registrations: readonly Registration[];
  readonly trust: TrustNow;
}

/** And what they hold. */
export interface Holding extends Standing {
  /** In the order of the registrations: the first is the default identity. */
  readonly svids: readonly KeptSvid[];
}

export interface Holder extends Disposable {
  /** Grows with everything that may change what is held. */
  readonly changes: Changes;
  /** Throws PERMISSION_DENIED where the caller is nobody here. */
  readonly standing: () => Promise<Standing>;
  /** Throws PERMISSION_DENIED where there is nothing to hold, UNAVAILABLE where it cannot be had now. */
  readonly holding: () => Promise<Holding>;
}

export interface HoldingOptions extends WorkloadApiOptions {
  readonly keeper: SvidKeeper;
  readonly clock: Clock;
}

/** Something made once for each version of the world. */
interface Made<T> {
  readonly version: string;
  readonly promise: Promise<T>;
}

interface Entry {
  /** Who of this kind is here now, and can be looked at anew: the first of them may be gone. */
  readonly present: Set<Attested>;
  readonly changes: Changes;
  standing: Made<Standing> | undefined;
  holding: Made<Holding> | undefined;
  lastStanding: Standing | undefined;
  lastHolding: Holding | undefined;
  leases: readonly Lease[];
}

/** Kinds of callers that nobody belongs to at the moment, remembered for those who come back. */
const idleKept = 256;
/** How many kinds are told of a change in one turn of the event loop. */
const batch = 32;

/**
 * What each kind of caller holds, made once per change and shared by all of its streams: who has the same selectors is
 * entitled to the same. SVIDs are kept fresh only while somebody listens; a renewed one wakes only those who hold it.
 */
export class Holdings {
  readonly #options: HoldingOptions;
  readonly #trust: TrustReader;
  readonly #entries = new Map<string, Entry>();
  readonly #idle = new Set<string>();

  constructor(options: HoldingOptions) {
    this.#options = options;
    this.#trust = new TrustReader(options.trust, options.changes);
    void this.#spread();
  }

  open(attested: Attested): Holder {
    const kind = kindOf(attested, this.#options.attestors.perProcess);
    const entry = this.#entries.get(kind) ?? begin();
    this.#entries.set(kind, entry);
    this.#idle.delete(kind);
    // An object for each who comes, though two may say the same.
    const one = { ...attested };
    entry.present.add(one);
    return {
      changes: entry.changes,
      standing: () => this.#standing(entry),
      holding: () => this.#holding(entry),
      [Symbol.dispose]: () => this.#leave(kind, entry, one),
    };
  }

  /** Tells every kind of caller that registrations or trust may be others, a few at a time: others are served meanwhile. */
  async #spread(): Promise<void> {
    const { changes } = this.#options;
    for (const never = new AbortController(); ;) {
      const seen = changes.version;
      let told = 0;
      for (const { present, changes: own } of this.#entries.values()) {
        if (present.size > 0) own.bump();
        told += 1;
        if (told % batch === 0) await new Promise(setImmediate);
      }
      await changes.after(seen, never.signal);
    }
  }

  #leave(kind: string, entry: Entry, one: Attested): void {
    entry.present.delete(one);
    if (entry.present.size > 0) return;
    entry.standing = entry.holding = undefined;
    releaseAll(entry);
    this.#idle.add(kind);
    const [oldest] = this.#idle;
    if (this.#idle.size <= idleKept || oldest === undefined) return;
    this.#idle.delete(oldest);
    this.#entries.delete(oldest);
  }

  #standing(entry: Entry): Promise<Standing> {
    const version = String(this.#options.changes.version);
    if (entry.standing?.version === version) return entry.standing.promise;
    const made = { version, promise: this.#stand(entry) };
    entry.standing = made;
    made.promise.catch(() => {
      if (entry.standing === made) entry.standing = undefined;
    });
    return made.promise;
  }

  async #stand(entry: Entry): Promise<Standing> {
    const registrations = await entitledOrRefused(this.#options, someoneOf(entry));
    const trust = this.#trust.now();
    const last = entry.lastStanding;
    if (last?.trust === trust && same(last.registrations, registrations)) return last;
    return (entry.lastStanding = { registrations, trust });
  }

  #holding(entry: Entry): Promise<Holding> {
    const version = `${this.#options.changes.version} ${entry.changes.version}`;
    if (entry.holding?.version === version && !this.#expired(entry)) return entry.holding.promise;
    const made = { version, promise: this.#hold(entry) };
    entry.holding = made;
    made.promise.catch(() => {
      // What failed now may succeed for whoever asks next.
      if (entry.holding === made) entry.holding = undefined;
    });
    return made.promise;
  }

  #expired({ lastHolding }: Entry): boolean {
    const now = this.#options.clock.now();
    return lastHolding?.svids.some(({ leaf }) => leaf.notAfter <= now) ?? false;
  }

  async #hold(entry: Entry): Promise<Holding> {
    const standing = await this.#standing(entry);
    const { caller } = someoneOf(entry);
    const leases = await this.#options.keeper.leaseAll(standing.registrations, caller, () => entry.changes.bump());
    // The old leases go after the new ones are held: what both have in common stays alive.
    releaseAll(entry);
    entry.leases = leases;
    if (entry.present.size === 0) releaseAll(entry);
    const svids = leases.map(({ svid }) => svid);
    const last = entry.lastHolding;
    if (last?.trust === standing.trust && same(last.registrations, standing.registrations) && same(last.svids, svids)) {
      return last;
    }
    return (entry.lastHolding = { ...standing, svids });
  }
}

function someoneOf({ present }: Entry): Attested {
  const [someone] = present;
  if (someone === undefined) throw new GarrisonError('CANCELLED', 'the caller is gone');
  return someone;
}

function begin(): Entry {
  return {
    present: new Set(),
    changes: new Changes(),
    standing: undefined,
    holding: undefined,
    lastStanding: undefined,
    lastHolding: undefined,
    leases: [],
  };
}

function releaseAll(entry: Entry): void {
  for (const { release } of entry.leases) release();
  entry.leases = [];
}

/**
 * The file, because a registration may ask for the hash of what is in it; and the very process, where there is more to find
 * out of it than credentials and program.
 */
function kindOf({ selectors, unix }: Attested, perProcess: boolean): string {
  const process = perProcess ? `${unix.pid} ${unix.startTime ?? ''}` : '';
  return [...selectors].sort().join('\n') + `\n${unix.binary ?? ''}\n${process}`;
}

function same<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((one, at) => one === b[at]);
}
