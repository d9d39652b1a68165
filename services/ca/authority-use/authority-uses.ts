import { readIssuer } from '#ca/issue/issuer.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Authorities, Authority } from '../authority/authorities.ts';
import type { Ledger, LedgerEntry } from '../ledger/port.ts';

export interface UsesOptions {
  readonly ledger: Ledger;
  readonly authorities: Authorities;
  readonly clock: Clock;
  readonly trustDomain: TrustDomain;
}

export interface IdentityUse {
  readonly spiffeId: string;
  readonly certificates: number;
  /** When the last of them ends. */
  readonly lastExpires: Date;
  /** When it got a newer certificate under another authority; undefined: it still uses this one. */
  readonly moved: Date | undefined;
  /** An authority below, with its intermediates: what it signed stands on them and is not on record here. */
  readonly downstream: boolean;
}

export interface AuthorityCount {
  readonly authority: Authority;
  readonly certificates: number;
  /** Of authorities below. */
  readonly intermediates: number;
}

/** What an identity holds under some issuers. */
interface Holding {
  readonly certificates: number;
  readonly lastExpires: Date;
  /** When the last of them was asked for. */
  readonly newest: Date;
}

const pageSize = 1000;
/** More certificates than these are not read for one answer. */
const mostRead = 200_000;
/** No leaf lives longer, back-dating included: what was asked for earlier has ended. */
const longestLifeMs = 8 * 86_400_000;
/** Nor does an intermediate of an authority below. */
const longestIntermediateMs = 31 * 86_400_000;

/** Who still uses which authority: the answer that says when an old one may go. */
export class AuthorityUses {
  readonly #options: UsesOptions;
  /** Key identifiers that ever issued for an authority, by its id: an intermediate is renewed, its leaves live on. */
  #issuers: Promise<ReadonlyMap<string, ReadonlySet<string>>> | undefined;

  constructor(options: UsesOptions) {
    this.#options = options;
    options.authorities.onChange(() => (this.#issuers = undefined));
  }

  /** Certificates of workloads that are in use, of every authority that is not revoked. */
  async counts(): Promise<readonly AuthorityCount[]> {
    const { ledger, clock, authorities } = this.#options;
    const live = new Map((await ledger.countLive(clock.now())).map(({ issuerKeyId, leaves }) => [issuerKeyId, leaves]));
    const issuers = await this.#issuersNow();
    return Promise.all(
      authorities.trusted().map(async (authority) => {
        const keyIds = [...(issuers.get(authority.id) ?? [])];
        const counts = keyIds.map((keyId) => live.get(keyId) ?? 0);
        const below = await this.#below(keyIds);
        return { authority, certificates: counts.reduce((sum, one) => sum + one, 0), intermediates: below.length };
      }),
    );
  }

  /** Whose certificates these are, those that have not moved first. `complete` is false where more are known than named. */
  async identities(
    authority: string,
    limit: number,
  ): Promise<{ readonly identities: readonly IdentityUse[]; readonly complete: boolean }> {
    const issuers = await this.#issuersNow();
    const here = issuers.get(authority) ?? [];
    const elsewhere = [...issuers].flatMap(([id, keyIds]) => (id === authority ? [] : [...keyIds]));
    const [leaves, others] = [await this.#holders(here), await this.#holders(elsewhere)];
    const all = [
      ...usesOf(await this.#belowByName(here), await this.#belowByName(elsewhere), true),
      ...usesOf(leaves.found, others.found, false),
    ];
    all.sort(
      (a, b) =>
        Number(a.moved !== undefined) - Number(b.moved !== undefined) ||
        Number(b.downstream) - Number(a.downstream) ||
        +b.lastExpires - +a.lastExpires,
    );
    return { identities: all.slice(0, limit), complete: all.length <= limit && leaves.complete && others.complete };
  }

  /** Identities by what they hold under these issuers, read page by page: others are served between two. */
  async #holders(issuers: Iterable<string>): Promise<{ found: ReadonlyMap<string, Holding>; complete: boolean }> {
    const found = new Map<string, Holding>();
    let read = 0;
    for (const issuerKeyId of issuers) {
      for await (const { spiffeId, notAfter, requestedAt } of this.#live(issuerKeyId)) {
        if (read >= mostRead) return { found, complete: false };
        read += 1;
        add(found, spiffeId, { notAfter, requestedAt });
      }
    }
    return { found, complete: true };
  }

  /** Intermediates under these issuers that were signed for authorities below, by whose they are. */
  async #belowByName(issuers: Iterable<string>): Promise<ReadonlyMap<string, Holding>> {
    const found = new Map<string, Holding>();
    for (const entry of await this.#below(issuers)) {
      const [how, serial = ''] = entry.caller.split(':');
      const asked = how === 'svid' ? await this.#options.ledger.find(serial as SerialHex) : undefined;
      add(found, asked?.spiffeId ?? entry.grant, entry);
    }
    return found;
  }

  /** All of them have the trust domain for a name, as authorities do, and are few. */
  async #below(issuers: Iterable<string>): Promise<LedgerEntry[]> {
    const { ledger, clock, trustDomain } = this.#options;
    const now = clock.now();
    const from = new Date(now.getTime() - longestIntermediateMs);
    const spiffeId = `spiffe://${trustDomain}`;
    const found: LedgerEntry[] = [];
    for (const issuerKeyId of issuers) {
      const page = await ledger.list({ spiffeId, issuerKeyId, from, limit: pageSize });
      found.push(...page.filter((entry) => entry.grant.startsWith('registration:') && isLive(entry, now)));
    }
    return found;
  }

  async *#live(issuerKeyId: string): AsyncGenerator<LedgerEntry> {
    const { ledger, clock } = this.#options;
    const now = clock.now();
    const from = new Date(now.getTime() - longestLifeMs);
    let before: number | undefined;
    for (;;) {
      const page = await ledger.list({ issuerKeyId, from, before, limit: pageSize });
      for (const entry of page) {
        if (entry.profile === 'leaf' && isLive(entry, now)) yield entry;
      }
      before = page.at(-1)?.number;
      if (before === undefined || page.length < pageSize) return;
    }
  }

  #issuersNow(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    this.#issuers ??= readIssuers(this.#options).catch((error: unknown) => {
      this.#issuers = undefined;
      throw error;
    });
    return this.#issuers;
  }
}

/** The intermediates that a root has signed, from the ledger; and the one in force, wherever it came from. */
async function readIssuers({ ledger, authorities }: UsesOptions): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const found = new Map<string, ReadonlySet<string>>();
  for (const { id, root, issuing } of authorities.all) {
    const signed = await ledger.list({ issuerKeyId: hex(root.keyId), state: 'issued', limit: pageSize });
    const certificates = await Promise.all(
      signed
        .filter(({ profile }) => profile !== 'leaf')
        .map(async ({ serial }) => (await ledger.find(serial))?.certificate),
    );
    const keys = certificates.flatMap((der) => (der === undefined ? [] : [hex(readIssuer(der).keyId)]));
    found.set(id, new Set([hex(issuing.keyId), ...keys]));
  }
  return found;
}

function isLive({ state, revokedAt, notAfter }: LedgerEntry, now: Date): boolean {
  return state !== 'failed' && revokedAt === undefined && notAfter >= now;
}

function usesOf(
  here: ReadonlyMap<string, Holding>,
  elsewhere: ReadonlyMap<string, Holding>,
  downstream: boolean,
): IdentityUse[] {
  return [...here].map(([spiffeId, { newest, ...use }]) => {
    const other = elsewhere.get(spiffeId)?.newest;
    return { spiffeId, ...use, moved: other !== undefined && other > newest ? other : undefined, downstream };
  });
}

function add(
  found: Map<string, Holding>,
  spiffeId: string,
  { notAfter, requestedAt }: Pick<LedgerEntry, 'notAfter' | 'requestedAt'>,
): void {
  const known = found.get(spiffeId);
  found.set(spiffeId, {
    certificates: (known?.certificates ?? 0) + 1,
    lastExpires: later(known?.lastExpires, notAfter),
    newest: later(known?.newest, requestedAt),
  });
}

function later(a: Date | undefined, b: Date): Date {
  return a === undefined || b > a ? b : a;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
