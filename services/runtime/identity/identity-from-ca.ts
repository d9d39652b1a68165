import { GarrisonError } from '#proto/errors/index.ts';
import { TrustClient } from '#proto/gen/garrison/v1/identity.ts';
import { formatAddress } from '../address.ts';
import { grpcClient } from '../grpc/client.ts';
import { staticIdentity, type Identity, type IdentitySource } from '../identity-source.ts';
import { watchFiles } from '../watch-files.ts';
import type { CaSource } from './ca-source.ts';
import { firstIdentity, type FirstIdentity } from './first-identity.ts';
import { followTrust, sameTrust, type TrustNews } from './follow-trust.ts';
import { identityFileOf, storeIdentity } from './identity-file.ts';
import type { IdentityOptions } from './identity-options.ts';
import { isSpent } from './is-spent.ts';
import { isStranger } from './is-stranger.ts';
import { askForToken, joinByToken, newJoinToken, type JoinToken } from './join-token-file.ts';
import { RenewingIdentity } from './renewing-identity.ts';
import { isAuthority, requestCertificate } from './request-certificate.ts';
import { whyWorthless } from './why-worthless.ts';

const firstNewsMs = 2000;
/** An authority that starts again may be slow; one that is another one stays it. */
const failuresUntilDoubt = 3;

/**
 * An identity by join token, kept beside the token and renewed by itself; follows what the authority says of trust. When
 * the authority accepts it no more, another token in the same file is what it goes on with.
 */
export class IdentityFromCa implements IdentitySource, AsyncDisposable {
  readonly #source: CaSource;
  readonly #options: IdentityOptions;
  readonly #stop = new AbortController();
  readonly #renewing: RenewingIdentity;
  readonly #trust: TrustClient;
  readonly #following: Promise<void>;
  readonly #heard = Promise.withResolvers<boolean>();
  #tokenHash: string;
  /** Why nothing that the authority says can be believed. */
  #doubt: string | undefined;
  #told: string | undefined;
  /** Ends the waiting for another token. */
  #waiting = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  private constructor({ identity, tokenHash }: FirstIdentity, source: CaSource, options: IdentityOptions) {
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#source = source;
    this.#options = { ...options, signal };
    this.#tokenHash = tokenHash;
    const renew = (current: Identity): Promise<Identity> => this.#renew(current);
    this.#renewing = new RenewingIdentity(identity, { ...options, signal, renew });
    // Without its certificate: whom to trust is told to anybody, and most needed by those whose certificates are refused.
    const security = { kind: 'tls', identity: this.#renewing, anonymous: true, expect: isAuthority } as const;
    this.#trust = grpcClient(TrustClient, source.ca, security);
    this.#following = followTrust(this.#trust, (news) => this.#take(news), {
      ...this.#options,
      onFailed: (failures) => void this.#failed(failures),
    });
  }

  /** Waits while the authority is away and nothing was kept. Rejects where there is nothing that it would accept. */
  static async open(source: CaSource, options: IdentityOptions): Promise<IdentityFromCa> {
    const first = await firstIdentity(source, options);
    const made = new IdentityFromCa(first, source, options);
    if (!first.kept) made.#keep(first.identity);
    // A certificate comes with the one root it stands on; the others that are trusted are told here.
    const { signal } = made.#options;
    const heard = await Promise.race([
      made.#heard.promise,
      made.#following.then(() => false),
      options.clock.sleep(firstNewsMs, signal).then(() => false),
    ]);
    if (first.kept && !heard) await made.#doubtAuthority();
    const why = first.kept ? made.#why() : undefined;
    if (why === undefined) return made;
    await made[Symbol.asyncDispose]();
    throw new GarrisonError('UNAUTHENTICATED', `there is no identity to start with: ${why}`, {
      place: 'identity.token',
      remedy: askForToken(source.token),
    });
  }

  current(): Identity {
    return this.#renewing.current();
  }

  onChange(listener: (identity: Identity) => void): () => void {
    return this.#renewing.onChange(listener);
  }

  trouble(): string | undefined {
    const why = this.#why();
    return why === undefined ? undefined : `${why}; ${askForToken(this.#source.token)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#trust.close();
    await Promise.all([this.#following, this.#watching, this.#renewing[Symbol.asyncDispose]()]);
  }

  #why(): string | undefined {
    const current = this.current();
    const worthless = whyWorthless(current);
    if (worthless !== undefined) return `its certificate ${worthless}`;
    if (current.expiresAt <= this.#options.clock.now()) return 'its certificate has ended';
    return this.#doubt;
  }

  /** By the certificate there is, where the authority accepts it; else by a token that was not used yet. */
  async #renew(current: Identity): Promise<Identity> {
    const { ca, token: file } = this.#source;
    const { signal } = this.#options;
    this.#look();
    const why = this.#why();
    if (why !== undefined) {
      const token = newJoinToken(file, this.#tokenHash);
      if (token !== undefined) return this.#join(token);
      if (why !== this.#doubt) throw new GarrisonError('UNAUTHENTICATED', why, { remedy: askForToken(file) });
    }
    const proof = { kind: 'identity', identity: staticIdentity(current) } as const;
    const { revoked = new Set(), refused = [] } = current;
    const renewed = await requestCertificate(ca, proof, signal);
    this.#doubt = undefined;
    return this.#keep({ ...renewed, revoked, refused });
  }

  async #join(token: JoinToken): Promise<Identity> {
    const { logger, signal } = this.#options;
    const joined = await joinByToken(this.#source.ca, token, signal);
    this.#tokenHash = token.hash;
    const { bundle, revoked = new Set(), refused = [] } = this.current();
    // Whoever made the token vouches for its root; the others that are trusted are told by the one under it.
    const known = joined.bundle.every((root) => bundle.includes(root));
    if (!known) this.#renewing.replaceTrust({ bundle: joined.bundle, revoked, refused });
    // What was wrong is over with what is returned here.
    this.#doubt = this.#told = undefined;
    this.#waiting.abort();
    const identity = this.#keep({ ...joined, bundle: known ? bundle : joined.bundle, revoked, refused });
    logger.info('joined anew', { id: identity.spiffeId, expires: identity.expiresAt });
    return identity;
  }

  #keep(identity: Identity): Identity {
    try {
      storeIdentity(identityFileOf(this.#source.token), { identity, tokenHash: this.#tokenHash });
    } catch (error) {
      this.#options.logger.error('identity not kept', { error });
    }
    return identity;
  }

  #take(news: TrustNews): void {
    const { bundle, revoked, refused } = news;
    this.#doubt = undefined;
    if (!sameTrust(this.current(), news)) {
      this.#renewing.replaceTrust({ bundle, revoked, refused });
      // A restart must not begin with roots that are gone, nor without those that sign by then.
      this.#keep(this.current());
    }
    this.#heard.resolve(true);
    this.#look();
    this.#renewing.renewWhere((identity) => isSpent(identity, news) || whyWorthless(identity) !== undefined);
  }

  async #failed(failures: number): Promise<void> {
    if (failures < failuresUntilDoubt || this.#doubt !== undefined) return;
    await this.#doubtAuthority();
    this.#look();
  }

  /** Looks whether it is there, and another one than it was. */
  async #doubtAuthority(): Promise<void> {
    const { ca } = this.#source;
    if (!(await isStranger(ca, this.current().bundle, this.#options.signal))) return;
    this.#doubt = `the authority at \`${formatAddress(ca)}\` stands on no root that this process knows of`;
  }

  /** Tells once what is wrong, and waits for another token until it is right. */
  #look(): void {
    const why = this.#why();
    if (why === this.#told) return;
    const { logger } = this.#options;
    this.#told = why;
    this.#waiting.abort();
    if (why === undefined) return;
    const { token } = this.#source;
    logger.error('identity refused', { id: this.current().spiffeId, reason: why, remedy: askForToken(token) });
    this.#waiting = new AbortController();
    this.#watching = this.#watchToken(AbortSignal.any([this.#options.signal, this.#waiting.signal]));
  }

  async #watchToken(signal: AbortSignal): Promise<void> {
    const { token: file } = this.#source;
    for await (const _ of watchFiles([file], signal)) {
      if (newJoinToken(file, this.#tokenHash) === undefined) continue;
      this.#renewing.renewWhere(() => this.#why() !== undefined);
    }
  }
}
