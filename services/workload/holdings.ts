import type { Registration } from '#policies/documents/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Attested } from './attest-unix.ts';
import { entitledOrRefused, type WorkloadApiOptions } from './entitlement.ts';
import type { KeptSvid, Lease, SvidKeeper } from './svid-keeper.ts';
import { TrustReader, type TrustNow } from './trust-now.ts';

/** What callers of one kind hold at one moment. The same object for as long as it says the same. */
export interface Holding {
  readonly registrations: readonly Registration[];
  /** In the order of the registrations: the first is the default identity. */
  readonly svids: readonly KeptSvid[];
  readonly trust: TrustNow;
}

export interface Holder extends Disposable {
  /** Throws PERMISSION_DENIED where there is nothing to hold, UNAVAILABLE where it cannot be had now. */
  current(): Promise<Holding>;
}

export interface HoldingOptions extends WorkloadApiOptions {
  readonly keeper: SvidKeeper;
  readonly clock: Clock;
}

interface Entry {
  readonly attested: Attested;
  users: number;
  /** Of `changes`, when `built` was begun. */
  version: number;
  built: Promise<Holding> | undefined;
  last: Holding | undefined;
  leases: readonly Lease[];
}

/** Kinds of callers that nobody belongs to at the moment, remembered for those who come back. */
const idleKept = 256;

/**
 * What each kind of caller holds, made once per change and shared by all of its streams: who has the same selectors is
 * entitled to the same. SVIDs are kept fresh only while somebody listens.
 */
export class Holdings {
  readonly #options: HoldingOptions;
  readonly #trust: TrustReader;
  readonly #entries = new Map<string, Entry>();
  readonly #idle = new Set<string>();

  constructor(options: HoldingOptions) {
    this.#options = options;
    this.#trust = new TrustReader(options.trust, options.changes);
  }

  open(attested: Attested): Holder {
    const kind = kindOf(attested, this.#options.attestors.perProcess);
    const entry = this.#entries.get(kind) ?? begin(attested);
    this.#entries.set(kind, entry);
    this.#idle.delete(kind);
    entry.users += 1;
    return { current: () => this.#current(entry), [Symbol.dispose]: () => this.#leave(kind, entry) };
  }

  #leave(kind: string, entry: Entry): void {
    entry.users -= 1;
    if (entry.users > 0) return;
    entry.built = undefined;
    releaseAll(entry);
    this.#idle.add(kind);
    const [oldest] = this.#idle;
    if (this.#idle.size <= idleKept || oldest === undefined) return;
    this.#idle.delete(oldest);
    this.#entries.delete(oldest);
  }

  #current(entry: Entry): Promise<Holding> {
    const { version } = this.#options.changes;
    if (entry.built !== undefined && entry.version === version && !this.#expired(entry)) return entry.built;
    entry.version = version;
    const built = this.#build(entry);
    entry.built = built;
    built.catch(() => {
      // What failed now may succeed for whoever asks next.
      if (entry.built === built) entry.built = undefined;
    });
    return built;
  }

  #expired({ last }: Entry): boolean {
    const now = this.#options.clock.now();
    return last?.svids.some(({ leaf }) => leaf.notAfter <= now) ?? false;
  }

  async #build(entry: Entry): Promise<Holding> {
    const { attested } = entry;
    const registrations = await entitledOrRefused(this.#options, attested);
    const leases = await this.#options.keeper.leaseAll(registrations, attested.caller);
    // The old leases go after the new ones are held: what both have in common stays alive.
    releaseAll(entry);
    entry.leases = leases;
    if (entry.users === 0) releaseAll(entry);
    const svids = leases.map(({ svid }) => svid);
    const trust = this.#trust.now();
    const { last } = entry;
    if (last?.trust === trust && same(last.svids, svids) && same(last.registrations, registrations)) return last;
    return (entry.last = { registrations, svids, trust });
  }
}

function begin(attested: Attested): Entry {
  return { attested, users: 0, version: -1, built: undefined, last: undefined, leases: [] };
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
