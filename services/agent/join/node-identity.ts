import { GarrisonError, isUnreachable } from '#proto/errors/index.ts';
import type { Identity, IdentitySource } from '#runtime/identity-source.ts';
import { loadIdentity, storeIdentity } from '#runtime/identity/identity-file.ts';
import type { IdentityOptions } from '#runtime/identity/identity-options.ts';
import { RenewingIdentity, type Trust } from '#runtime/identity/renewing-identity.ts';
import { retryDelayMs } from '#runtime/identity/renewal-time.ts';
import { watchFiles } from '#runtime/watch-files.ts';
import type { WayOfJoining } from './way-of-joining.ts';

export interface NodeIdentityOptions extends IdentityOptions {
  readonly way: WayOfJoining;
  /** Where it is kept, 0600, so that a restart needs no new proof. */
  readonly file: string;
  /** Gets the next certificate by the current one. */
  readonly renew: (current: Identity, signal: AbortSignal) => Promise<Identity>;
}

/**
 * Who this node is. Renewed by itself; got anew, by the way of joining, when the authority does not accept it any more,
 * when it ran out, or when the operator put something new to join with in its place.
 */
export class NodeIdentity implements IdentitySource, AsyncDisposable {
  readonly #options: NodeIdentityOptions;
  readonly #stop = new AbortController();
  readonly #renewing: RenewingIdentity;
  readonly #watching: Promise<void>;
  #mark: string;
  #refused: string | undefined;

  private constructor(first: Joined, options: NodeIdentityOptions) {
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#options = { ...options, signal };
    this.#mark = first.mark;
    const renew = (current: Identity): Promise<Identity> => this.#renew(current);
    this.#renewing = new RenewingIdentity(first.identity, { ...options, signal, renew });
    this.#watching = this.#watch(signal);
  }

  /** Waits while the authority is away and nothing was kept. Rejects when the proof is refused. */
  static async open(options: NodeIdentityOptions): Promise<NodeIdentity> {
    return new NodeIdentity(await first(options), options);
  }

  current(): Identity {
    return this.#renewing.current();
  }

  onChange(listener: (identity: Identity) => void): () => void {
    return this.#renewing.onChange(listener);
  }

  /** Why the authority does not accept it, while that is so. */
  get refused(): string | undefined {
    return this.#refused;
  }

  /** The authority said that this very certificate is worth nothing: join anew, as soon as there is something to do it with. */
  refuse(reason: string): void {
    if (this.#refused === reason) return;
    this.#refused = reason;
    this.#replaceThis();
  }

  /** The authority answered to it. */
  accept(): void {
    this.#refused = undefined;
  }

  /** Stands on an authority that is about to go, perhaps. */
  renewWhere(isBad: (identity: Identity) => boolean): void {
    this.#renewing.renewWhere(isBad);
  }

  /**
   * The authority closes our connections, or there is none: a revoked certificate is not told so once TLS refuses it.
   * Whoever can join as often as it likes tries that.
   */
  doubt(): void {
    if (!this.#options.way.once) this.#replaceThis();
  }

  /** Where a renewal is under way already, what it brings is another one. */
  #replaceThis(): void {
    const [leaf] = this.current().certificates;
    this.#renewing.renewWhere(({ certificates: [now] }) => now === leaf);
  }

  replaceTrust(trust: Trust): void {
    this.#renewing.replaceTrust(trust);
    // A restart must not begin with roots that are gone, nor without those that sign by then.
    keep(this.#options, { identity: this.current(), mark: this.#mark });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#renewing[Symbol.asyncDispose](), this.#watching]);
  }

  /** What is new to join with goes first, then the certificate there is, then joining anew where that can be repeated. */
  async #renew(current: Identity): Promise<Identity> {
    const { clock, renew, logger, signal, way } = this.#options;
    const good = this.#refused === undefined && current.expiresAt > clock.now();
    const tries: (() => Promise<Identity>)[] = [];
    if (this.#isNew(way.mark())) tries.push(() => this.#join());
    if (good) tries.push(async () => this.#kept(await renew(current, signal), this.#mark));
    if (!way.once && way.mark() !== undefined) tries.push(() => this.#join());
    let failure: unknown = new GarrisonError(
      'FAILED_PRECONDITION',
      'this node has to join anew and there is nothing to join with',
      { remedy: way.remedy },
    );
    for (const attempt of tries) {
      try {
        return await attempt();
      } catch (error) {
        failure = error;
        if (attempt !== tries.at(-1)) logger.warn('node identity not renewed, trying otherwise', { error });
      }
    }
    throw failure;
  }

  async #join(): Promise<Identity> {
    const { way, logger, signal } = this.#options;
    const mark = way.mark() ?? '';
    const identity = this.#kept(await way.join(signal, this.current().bundle), mark);
    logger.info('node joined anew', { id: identity.spiffeId, expires: identity.expiresAt });
    return identity;
  }

  #kept(identity: Identity, mark: string): Identity {
    this.#mark = mark;
    this.#refused = undefined;
    keep(this.#options, { identity, mark });
    return identity;
  }

  #isNew(mark: string | undefined): boolean {
    return this.#options.way.once && mark !== undefined && mark !== this.#mark;
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { way } = this.#options;
    if (way.files.length === 0) return;
    for await (const _ of watchFiles(way.files, signal)) if (this.#isNew(way.mark())) this.#renewing.renewNow();
  }
}

interface Joined {
  readonly identity: Identity;
  readonly mark: string;
}

/** What was kept, unless there is something newer to join with; that goes first, and what was kept serves when it fails. */
async function first(options: NodeIdentityOptions): Promise<Joined> {
  const { way, file, clock, logger, signal } = options;
  const told = new Set<string>();
  for (let failures = 1; ; failures += 1) {
    const kept = loadIdentity(file);
    const usable = kept !== undefined && kept.identity.expiresAt > clock.now();
    const mark = way.mark();
    if (usable && (mark === undefined || !way.once || mark === kept.tokenHash)) {
      return { identity: kept.identity, mark: kept.tokenHash };
    }
    try {
      const joined = { identity: await way.join(signal, kept?.identity.bundle), mark: mark ?? '' };
      keep(options, joined);
      return joined;
    } catch (error) {
      if (usable) {
        logger.warn('not joined anew, going on with the identity that was kept', { error });
        return { identity: kept.identity, mark: kept.tokenHash };
      }
      if (!isUnreachable(error) || signal.aborted) throw error;
      // Each reason once: it may be away at first, and then not be known by the roots that are here.
      if (!told.has(error.message)) logger.warn('waiting for the certificate authority', { error });
      told.add(error.message);
      await clock.sleep(Math.min(retryDelayMs(failures, 0) / 4, 2000), signal);
    }
  }
}

function keep({ file, logger }: NodeIdentityOptions, { identity, mark }: Joined): void {
  try {
    storeIdentity(file, { identity, tokenHash: mark });
  } catch (error) {
    logger.error('node identity not kept', { error });
  }
}
