import { authorityId } from '#ca/authority-id.ts';
import type { GivenChain } from '#ca/issue/check-chain.ts';
import { readPublicKey } from '#ca/keys/public-key.ts';
import type { Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityRecord, AuthorityState } from '../ledger/port.ts';
import { standsUnder, type Authorities, type Authority } from './authorities.ts';
import { keyRoles, type KeyPlace, type KeyRole } from '../keys/key-store.ts';
import { writeAuthorityFiles, type AuthorityOptions } from './authority-files.ts';
import { createIssuing } from './create-authority.ts';
import { loadAuthorities } from './load-authority.ts';

/**
 * Moves authorities through their life: prepared (trusted, does not sign) → active (signs) → old (trusted) →
 * tainted (trusted, everything under it is being replaced) → revoked (trusted no more). Each step is in the ledger before
 * it is in force, one at a time.
 */
export class AuthorityDesk {
  readonly #options: AuthorityOptions;
  readonly #authorities: Authorities;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: AuthorityOptions, authorities: Authorities) {
    this.#options = options;
    this.#authorities = authorities;
  }

  /** A new authority that everybody learns to trust before it signs. */
  prepare(root: 'any' | 'as before' = 'any'): Promise<Authority> {
    return this.#inTurn(async () => {
      const waiting = this.#authorities.all.find(({ state }) => state === 'prepared');
      if (waiting !== undefined) {
        throw new GarrisonError('ALREADY_EXISTS', `the authority \`${waiting.id}\` is prepared already`, {
          remedy: 'activate it',
        });
      }
      if (root === 'as before') await this.#refuseOtherRoot(this.#authorities.active());
      const record = await this.#options.source.make('prepared');
      await this.#put([record]);
      return this.#find(record.id);
    });
  }

  /** Whether somebody keeps the root's key apart, after a ceremony: nobody asked for a root whose key lies here then. */
  async isRootElsewhere({ id, root, given }: Authority): Promise<boolean> {
    const { source, keys } = this.#options;
    if (source.kind !== 'own' || given) return false;
    return !(await keys.has({ authority: id, role: 'root', key: root.publicKey }));
  }

  async #refuseOtherRoot(active: Authority): Promise<void> {
    if (!(await this.isRootElsewhere(active))) return;
    const { root } = active;
    const name = root.certificate.subject.replaceAll('\n', ', ');
    const message = `the key of the root \`${name}\` is kept elsewhere, and a new root’s would be kept here`;
    throw new GarrisonError('FAILED_PRECONDITION', message, {
      remedy:
        'a new intermediate under the same root: `garrison identity rotate --issuing --from CEREMONY`; ' +
        'a new root all the same: `garrison identity rotate --new-root`',
    });
  }

  /** It signs from now on; the one that did is old. */
  activate(id: string): Promise<Authority> {
    return this.#inTurn(async () => {
      const next = this.#find(id);
      if (next.state !== 'prepared') throw this.#refuse(next, 'only a prepared authority can be activated');
      await this.#put([this.#moved(this.#authorities.active(), 'old'), this.#moved(next, 'active')]);
      return this.#find(id);
    });
  }

  /** Everything it signed is to be replaced, though it is trusted for as long as that takes. */
  taint(id: string): Promise<Authority> {
    return this.#inTurn(async () => {
      const authority = this.#find(id);
      if (authority.state !== 'old') throw this.#refuse(authority, 'only an old authority can be tainted');
      await this.#put([this.#moved(authority, 'tainted')]);
      return this.#find(id);
    });
  }

  /** The same at somebody's word, who is told where it cannot be: what signs now would go with it. */
  revokeAlone(id: string): Promise<Authority> {
    const [authority, active] = [this.#find(id), this.#authorities.active()];
    if (authority.id === active.id || !standsUnder(active, authority)) return this.revoke(id);
    const message = `the authority \`${active.id}\`, which signs now, stands under the key of \`${id}\``;
    throw new GarrisonError('FAILED_PRECONDITION', `${message}: neither can be refused without the other`, {
      remedy: 'let an authority sign that stands under another root, and revoke both',
    });
  }

  /** Nothing it signed is worth anything from now on, and its keys are deleted. */
  revoke(id: string): Promise<Authority> {
    return this.#inTurn(async () => {
      const authority = this.#find(id);
      if (authority.state === 'active' || authority.state === 'revoked') {
        throw this.#refuse(authority, 'what signs cannot be revoked, nor what is revoked');
      }
      await this.#put([this.#moved(authority, 'revoked')]);
      for (const role of keyRoles) await this.#forget(authority, role);
      return this.#find(id);
    });
  }

  /**
   * A new intermediate. Under a root of our own that root's key must be back in its place for as long as this takes, or
   * whoever has it signs from where it is; from an authority above it is a new authority here, which signs at once where
   * its root is known already.
   */
  renewIssuing(away?: Signer): Promise<Authority> {
    return this.#inTurn(async () => {
      if (this.#options.source.kind !== 'own') return this.#enter(await this.#options.source.make('prepared'));
      const active = this.#authorities.active();
      const { id, record, root } = active;
      const rootSigner = away ?? (await this.#rootSigner(active));
      const { issuing, issuingKey } = await createIssuing(this.#options, root, rootSigner);
      await issuingKey.keep(id);
      const renewed = { ...record, issuing: issuing.der };
      writeAuthorityFiles(this.#options, renewed);
      await this.#put([renewed]);
      await this.#forget(active, 'issuing');
      return this.#find(id);
    });
  }

  async #rootSigner({ id, root }: Authority): Promise<Signer> {
    try {
      return await this.#options.keys.open({ authority: id, role: 'root', key: root.publicKey });
    } catch (cause) {
      const name = root.certificate.subject.replaceAll('\n', ', ');
      const why = cause instanceof GarrisonError ? cause.message : String(cause);
      throw new GarrisonError('FAILED_PRECONDITION', `the key of the root \`${name}\` is not at hand (${why})`, {
        remedy:
          'bring it and run `garrison identity rotate --issuing --from CEREMONY`, which signs where the key is; ' +
          'or put it back in its place for as long as this takes',
        cause,
      });
    }
  }

  /** What the source has now, made ours: see `renewIssuing`. The one that signs already only learns of changes above it. */
  takeUp(given: GivenChain): Promise<Authority | undefined> {
    return this.#inTurn(async () => {
      const { source } = this.#options;
      const id = authorityId(given.issuing);
      const known = this.#authorities.all.find((one) => one.id === id);
      if (known === undefined) return this.#enter(await source.make('prepared'));
      if (known.state === 'revoked') throw this.#refuse(known, 'what was revoked does not sign again');
      const record = { ...known.record, issuing: Buffer.concat([given.issuing.der, ...given.above]) };
      if (known.state !== 'active')
        return this.#enter({ ...record, state: 'prepared', since: this.#options.clock.now() });
      if (same(record.issuing, known.record.issuing) && sameAll(source.further(), this.#authorities.further))
        return undefined;
      await this.#put([record]);
      return this.#find(id);
    });
  }

  /** The roots beside those of the authorities are others now. */
  retrust(): Promise<void> {
    return this.#inTurn(async () => {
      if (sameAll(this.#options.source.further(), this.#authorities.further)) return;
      await this.#put([this.#authorities.active().record]);
    });
  }

  /** It signs at once where everybody trusts its root; else it is made known first. */
  async #enter(record: AuthorityRecord): Promise<Authority> {
    const known = this.#authorities.bundle().some((root) => same(root, record.root));
    const active = this.#moved(this.#authorities.active(), 'old');
    await this.#put(known ? [active, { ...record, state: 'active' }] : [record]);
    return this.#find(record.id);
  }

  #forget({ id: authority, root, issuing, record }: Authority, role: KeyRole): Promise<void> {
    const key = { root: root.publicKey, issuing: issuing.publicKey, jwt: readPublicKey(record.jwtKey) }[role];
    return this.#drop({ authority, role, key });
  }

  /** What is revoked is revoked, whether or not its keys can be deleted now. */
  async #drop(place: KeyPlace): Promise<void> {
    const { keys, logger } = this.#options;
    try {
      await keys.remove(place);
    } catch (error) {
      const { authority, role } = place;
      logger.error('a key that signs no more was not deleted', { authority, role, error });
    }
  }

  /** Records that change by rules of their own, in their turn like every step here. */
  change(records: () => readonly AuthorityRecord[] | Promise<readonly AuthorityRecord[]>): Promise<void> {
    return this.#inTurn(async () => this.#put(await records()));
  }

  /**
   * The private key of JWT-SVIDs that are worth nothing any more. One that an authority was made with goes when that
   * authority is revoked: until then whatever opens the authority, now or when it is plugged in again, opens it too.
   */
  async forgetJwtKey({ id, jwtKey }: AuthorityRecord): Promise<void> {
    const opened = this.#authorities.all.filter(({ state }) => state !== 'revoked');
    if (opened.some(({ record }) => same(record.jwtKey, jwtKey))) return;
    await this.#drop({ authority: id, role: 'jwt', key: readPublicKey(jwtKey) });
  }

  /** Takes up what another process did. */
  refresh(): Promise<void> {
    return this.#inTurn(() => this.#read());
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #moved({ record }: Authority, state: AuthorityState): AuthorityRecord {
    return { ...record, state, since: this.#options.clock.now() };
  }

  async #put(changed: readonly AuthorityRecord[]): Promise<void> {
    const { ledger, logger } = this.#options;
    await ledger.putAuthorities(changed);
    await this.#read();
    const { sequence } = this.#authorities;
    for (const { id, state } of changed) logger.info('authority changed', { authority: id, state, sequence });
  }

  async #read(): Promise<void> {
    const { ledger } = this.#options;
    const { records, sequence } = await ledger.listAuthorities();
    const { x509, jwt } = await loadAuthorities(this.#options, records);
    this.#authorities.replace(x509, sequence, this.#options.source.further(), jwt);
  }

  #find(id: string): Authority {
    const found = this.#authorities.all.find((one) => one.id === id);
    if (found !== undefined) return found;
    throw new GarrisonError('NOT_FOUND', `there is no authority \`${id.slice(0, 100)}\``, { remedy: this.#known() });
  }

  #refuse({ id, state }: Authority, rule: string): GarrisonError {
    return new GarrisonError('FAILED_PRECONDITION', `the authority \`${id}\` is ${state}, and ${rule}`, {
      remedy: this.#known(),
    });
  }

  #known(): string {
    return `there are ${this.#authorities.all.map(({ id, state }) => `\`${id}\` (${state})`).join(', ')}`;
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function sameAll(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((one, index) => same(one, b[index] ?? new Uint8Array(0)));
}
